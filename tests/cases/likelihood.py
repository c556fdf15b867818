"""Cases of the likelihoods of `jaxloss.probabilistic`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats
import sklearn.metrics

import jaxloss
from tests import draws
from tests.cases import Case

SIGNED = "a density has values on both sides of 1, its logarithm crosses 0"
COUNTS = "counts are whole and start at 0, the edge of the domain; their slope has a test of its own"
TINY, HUGE = 1e-30, 1e30


def _positive(rng, batch, shape=4.0, scale=0.4):
    return 0.2 + scale * rng.gamma(shape, size=batch)


def _centred(first, second):
    """A location, a positive scale, a target."""
    return lambda rng, batch: {
        first: 2 * rng.normal(size=batch),
        second: _positive(rng, batch),
        "targets": 2 * rng.normal(size=batch),
    }


def _edge(**inputs):
    arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in inputs.values()))
    return {n: np.array(x) for n, x in zip(inputs, arrays, strict=True)}


def _elementwise(metric):
    return lambda predictions, targets, **hypers: np.vectorize(lambda p, t: metric([t], [p], **hypers), otypes=[float])(
        predictions, targets
    )


def _beta_nll(means, variances, targets, beta=0.5):
    return -(variances**beta) * scipy.stats.norm.logpdf(targets, means, np.sqrt(variances))


def _multivariate(rng, batch):
    lower = np.tril(0.5 * rng.normal(size=(*batch, 3, 3)), -1)
    diagonal = np.eye(3) * rng.uniform(0.6, 1.8, size=(*batch, 1, 3))
    return {
        "means": rng.normal(size=(*batch, 3)),
        "scale_trils": lower + diagonal,
        "targets": rng.normal(size=(*batch, 3)),
    }


def _multivariate_nll(means, scale_trils, targets):
    batch = means.shape[:-1]
    values = [
        -scipy.stats.multivariate_normal.logpdf(targets[i], means[i], scale_trils[i] @ scale_trils[i].T)
        for i in np.ndindex(batch)
    ]
    return np.reshape(values, batch)


def _mixture(rng, batch):
    return {
        "logits": rng.normal(size=(*batch, 3)),
        "means": 2 * rng.normal(size=(*batch, 3)),
        "variances": _positive(rng, (*batch, 3)),
        "targets": 2 * rng.normal(size=batch),
    }


def _mixture_nll(logits, means, variances, targets):
    densities = scipy.stats.norm.pdf(targets[..., None], means, np.sqrt(variances))
    return -np.log(np.sum(scipy.special.softmax(logits, axis=-1) * densities, axis=-1))


def _student(rng, batch):
    return {
        "degrees_of_freedom": np.exp(rng.uniform(-1, 4, size=batch)),
        "locations": 2 * rng.normal(size=batch),
        "scales": _positive(rng, batch),
        "targets": 2 * rng.normal(size=batch),
    }


def _poisson(rng, batch):
    log_rates = rng.uniform(-2, 4, size=batch)
    return {"log_rates": log_rates, "targets": rng.poisson(np.exp(log_rates + 0.3)).astype(float)}


def _negative_binomial(rng, batch):
    means = np.exp(rng.uniform(-1, 4, size=batch))
    return {
        "means": means,
        "dispersions": np.exp(rng.uniform(-4, 1, size=batch)),
        "targets": rng.poisson(means * rng.gamma(2, 0.5, size=batch)).astype(float),
    }


def _negative_binomial_nll(means, dispersions, targets):
    return -scipy.stats.nbinom.logpmf(targets, 1 / dispersions, 1 / (1 + dispersions * means))


def _gamma(rng, batch):
    return {
        "means": _positive(rng, batch),
        "shapes": _positive(rng, batch, scale=1.0),
        "targets": _positive(rng, batch),
    }


def _deviance_draw(rng, batch):
    return {"predictions": 0.3 + rng.gamma(2.0, size=batch), "targets": 0.1 + rng.gamma(1.0, size=batch)}


def _deviance_perfect(rng, batch):
    values = np.exp(3 * rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


def _quantised(rng, batch, levels):
    return 2 * rng.integers(0, levels, size=batch) / (levels - 1) - 1


def _logistic_mixture(rng, batch):
    targets = _quantised(rng, batch, 64)
    return {
        "logits": rng.normal(size=(*batch, 3)),
        "means": targets[..., None] + 0.3 * rng.normal(size=(*batch, 3)),
        "log_scales": rng.uniform(-3, -0.5, size=(*batch, 3)),
        "targets": targets,
    }


def _bin_edges(targets, levels):
    h = 1 / (levels - 1)
    return np.where(targets < h - 1, -np.inf, targets - h), np.where(targets > 1 - h, np.inf, targets + h)


def _logistic_mixture_nll(logits, means, log_scales, targets, levels=256):
    low, high = _bin_edges(targets, levels)
    law = scipy.stats.logistic(means, np.exp(log_scales))
    # Both distribution functions or both survival functions, whichever are small.
    mass = np.where(
        means > targets[..., None],
        law.cdf(high[..., None]) - law.cdf(low[..., None]),
        law.sf(low[..., None]) - law.sf(high[..., None]),
    )
    return -np.log(np.sum(scipy.special.softmax(logits, axis=-1) * mass, axis=-1))


def _discretized_gaussian(rng, batch):
    targets = _quantised(rng, batch, 64)
    return {
        "means": targets + 0.3 * rng.normal(size=batch),
        "log_scales": rng.uniform(-3, -0.5, size=batch),
        "targets": targets,
    }


def _discretized_gaussian_nll(means, log_scales, targets, levels=256):
    low, high = ((x - means) / np.exp(log_scales) for x in _bin_edges(targets, levels))
    flip = low + high > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    return -scipy.stats.norm.logcdf(high) - np.log1p(
        -np.exp(scipy.stats.norm.logcdf(low) - scipy.stats.norm.logcdf(high))
    )


def _evidential(rng, batch):
    return {
        "gamma": rng.normal(size=batch),
        "nu": _positive(rng, batch),
        "alpha": 1 + _positive(rng, batch),
        "beta": _positive(rng, batch),
        "targets": rng.normal(size=batch),
    }


def _evidential_loss(gamma, nu, alpha, beta, targets, coefficient=0.01):
    omega = 2 * beta * (1 + nu)
    nll = (
        0.5 * np.log(np.pi / nu)
        - alpha * np.log(omega)
        + (alpha + 0.5) * np.log((targets - gamma) ** 2 * nu + omega)
        + scipy.special.gammaln(alpha)
        - scipy.special.gammaln(alpha + 0.5)
    )
    return nll + coefficient * np.abs(targets - gamma) * (2 * nu + alpha)


CASES = [
    Case(
        fn=jaxloss.gaussian_nll,
        draw=_centred("means", "variances"),
        oracle=lambda means, variances, targets: -scipy.stats.norm.logpdf(targets, means, np.sqrt(variances)),
        source="scipy.stats.norm.logpdf",
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={
            "tiny variances": _edge(means=[0, 1e-25, 1e-30], variances=[1e-37, TINY, 1e-37], targets=[0, 0, 0]),
            "large": _edge(means=[1e18, 0, -1e3], variances=[1, HUGE, 1e-6], targets=[-1e18, 1e25, 1e3]),
        },
    ),
    Case(
        fn=jaxloss.beta_nll,
        draw=_centred("means", "variances"),
        oracle=_beta_nll,
        source="scipy.stats.norm.logpdf, weighted",
        hypers={"beta": 0.25},
        bad_hypers=({"beta": -0.5}, {"beta": 1.5}),
        fixed={"variances": "the weight passes no gradient, so the slope is not that of the value; tested by itself"},
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={"tiny": _edge(means=[0, 1e-25], variances=[1e-37, TINY], targets=[0, 0])},
    ),
    Case(
        fn=jaxloss.multivariate_gaussian_nll,
        draw=_multivariate,
        oracle=_multivariate_nll,
        source="scipy.stats.multivariate_normal.logpdf",
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={
            "small and large scales": {
                "means": np.array([[0.0, 1e6]]),
                "scale_trils": np.array([[[1e-12, 0.0], [0.0, 1e12]]]),
                "targets": np.array([[0.0, -1e6]]),
            }
        },
    ),
    Case(
        fn=jaxloss.gaussian_mixture_nll,
        draw=_mixture,
        oracle=_mixture_nll,
        source="scipy.stats.norm.pdf, summed",
        bound=None,
        cancels=SIGNED,
        extremes={
            "far from all components": {
                "logits": np.array([[0.0, 1.0], [1e4, -1e4]]),
                "means": np.array([[1e15, 1e16], [0.0, 1.0]]),
                "variances": np.array([[1.0, 1e-3], [1e-20, 1.0]]),
                "targets": np.array([0.0, 1.0]),
            },
            "an absent component": {
                "logits": np.array([[-np.inf, 1.0]]),
                "means": np.array([[1.0, 2.0]]),
                "variances": np.array([[1.0, 1.0]]),
                "targets": np.array([1.0]),
            },
        },
    ),
    Case(
        fn=jaxloss.laplace_nll,
        draw=_centred("locations", "scales"),
        oracle=lambda locations, scales, targets: -scipy.stats.laplace.logpdf(targets, locations, scales),
        source="scipy.stats.laplace.logpdf",
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={
            "hit": _edge(locations=[0, 1], scales=[1e-37, HUGE], targets=[0, 1]),
            "far": _edge(locations=[HUGE, -1], scales=[1, 1e-15], targets=[-HUGE, 1]),
        },
    ),
    Case(
        fn=jaxloss.student_t_nll,
        draw=_student,
        oracle=lambda degrees_of_freedom, locations, scales, targets: (
            -scipy.stats.t.logpdf(targets, degrees_of_freedom, locations, scales)
        ),
        source="scipy.stats.t.logpdf",
        bound=None,
        cancels=SIGNED,
        extremes={
            "any tail": _edge(
                degrees_of_freedom=[1e-20, 1e20, np.inf, 1, 1e10],
                locations=[0, 0, 0, 0, 1],
                scales=[1, 1, 1, 1e-15, 1],
                targets=[1, 2, 3, 1e15, 1],
            )
        },
    ),
    Case(
        fn=jaxloss.poisson_nll,
        draw=_poisson,
        oracle=lambda log_rates, targets: -scipy.stats.poisson.logpmf(targets, np.exp(log_rates)),
        source="scipy.stats.poisson.logpmf",
        fixed={"targets": COUNTS},
        convex=True,
        extremes={
            "counts as floats": _edge(log_rates=[-np.inf, -80, 80, 0, 20], targets=[0, 0, 1, 0, 1e9]),
            "counts as integers": {"log_rates": np.array([-80.0, 20.0]), "targets": np.array([10, 10**9], np.int32)},
        },
    ),
    Case(
        fn=jaxloss.negative_binomial_nll,
        draw=_negative_binomial,
        oracle=_negative_binomial_nll,
        source="scipy.stats.nbinom.logpmf",
        fixed={"targets": COUNTS},
        tolerance=1e-11,
        extremes={
            "any dispersion": _edge(
                means=[1, 1, 1e6, 1e-6, 100, 1e6],
                dispersions=[0, 1e-30, 1e-6, 1e6, 0, 1],
                targets=[0, 1, 1e6, 0, 50, 3],
            )
        },
    ),
    Case(
        fn=jaxloss.gamma_nll,
        draw=_gamma,
        oracle=lambda means, shapes, targets: -scipy.stats.gamma.logpdf(targets, shapes, scale=means / shapes),
        source="scipy.stats.gamma.logpdf",
        bound=None,
        cancels=SIGNED,
        extremes={"any scale": _edge(means=[TINY, HUGE, 1], shapes=[1e-20, 1e20, 1], targets=[TINY, HUGE, TINY])},
    ),
    Case(
        fn=jaxloss.gamma_deviance,
        draw=_deviance_draw,
        oracle=_elementwise(sklearn.metrics.mean_gamma_deviance),
        source="sklearn.metrics.mean_gamma_deviance",
        tolerance=1e-10,
        perfect=_deviance_perfect,
        extremes={"any scale": _edge(predictions=[TINY, HUGE, 1], targets=[TINY, HUGE, TINY])},
    ),
    Case(
        fn=jaxloss.tweedie_deviance,
        draw=_deviance_draw,
        oracle=lambda predictions, targets, power=1.5: _elementwise(sklearn.metrics.mean_tweedie_deviance)(
            predictions, targets, power=power
        ),
        source="sklearn.metrics.mean_tweedie_deviance",
        hypers={"power": 1.25},
        bad_hypers=({"power": -1.0},),
        tolerance=1e-10,
        perfect=_deviance_perfect,
        extremes={
            "zeros": _edge(predictions=[1e-6, 1, 1e6], targets=[0, 0, 0]),
            "any scale": _edge(predictions=[1e-15, 1e15, 1], targets=[1e15, 1e15, TINY]),
        },
    ),
    Case(
        fn=jaxloss.discretized_logistic_mixture_nll,
        draw=_logistic_mixture,
        oracle=_logistic_mixture_nll,
        source="scipy.stats.logistic, differences of distribution functions",
        hypers={"levels": 64.0},
        bad_hypers=({"levels": 1},),
        tolerance=1e-10,
        extremes={
            "far and sharp": {
                "logits": np.array([[0.0, 1.0], [-np.inf, 1.0], [0.0, 0.0], [1e4, -1e4]]),
                "means": np.array([[50.0, -50.0], [0.0, 1e3], [1.0, -1.0], [0.0, 1.0]]),
                "log_scales": np.array([[-20.0, -30.0], [0.0, -5.0], [-60.0, 60.0], [100.0, -80.0]]),
                "targets": np.array([0.0, 0.2, 1.0, -1.0]),
            }
        },
    ),
    Case(
        fn=jaxloss.discretized_gaussian_nll,
        draw=_discretized_gaussian,
        oracle=_discretized_gaussian_nll,
        source="scipy.stats.norm.logcdf differences",
        hypers={"levels": 64.0},
        bad_hypers=({"levels": 1},),
        tolerance=1e-10,
        extremes={
            "far and sharp": _edge(
                means=[10, -10, 0.2, 0, 1, -1, 0, 0],
                log_scales=[-20, -5, -60, 60, -100, 0, 100, -20],
                targets=[0, 0, 0.2, 0, 1, 1, -1, 1],
            )
        },
    ),
    Case(
        fn=jaxloss.normalizing_flow_nll,
        draw=draws.pair("base_log_probs", "log_det_jacobians"),
        oracle=lambda base_log_probs, log_det_jacobians: -base_log_probs - log_det_jacobians,
        source="formula",
        bound=None,
        convex=True,
        extremes={"large": _edge(base_log_probs=[-HUGE, 0], log_det_jacobians=[0, HUGE])},
    ),
    Case(
        fn=jaxloss.evidential_regression_loss,
        draw=_evidential,
        oracle=_evidential_loss,
        source="Amini et al. (2020), equations 8 to 10",
        hypers={"coefficient": 0.5},
        bad_hypers=({"coefficient": -1.0},),
        bound=None,
        cancels=SIGNED,
        extremes={
            "any evidence": _edge(
                gamma=[0, 0, 1e6], nu=[1e-15, 1e15, 1], alpha=[1, 1e15, 2], beta=[1e-15, 1e15, 1], targets=[0, 1, -1e6]
            )
        },
    ),
]
