"""Cases of the losses of generative models: adversarial games, divergences, evidence bounds, diffusion, flows."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw

HUGE = 1e30

_CALLABLE = "takes a discriminator, so its inputs are not arrays alone; it keeps where, weights and reduction"

_MODEL = "takes a model of the score, so its inputs are not arrays alone; it keeps where, weights and reduction"
_CONVERTER = "turns one quantity of a noisy example into another; not a loss"
_WEIGHTS = "weights of noise levels for any diffusion loss"

HELPERS = {
    "diffuse": "adds noise to data; not a loss",
    "diffusion_velocity": "the target of a velocity prediction; not a loss",
    "edm_weights": _WEIGHTS,
    "epsilon_from_score": _CONVERTER,
    "epsilon_from_velocity": _CONVERTER,
    "epsilon_from_x0": _CONVERTER,
    "flow_endpoints": "the ends of a line of a flow; not a loss",
    "implicit_score_matching_loss": _MODEL,
    "linear_flow_path": "points on the lines of a flow; not a loss",
    "mean_flow_target": "a target for a velocity, by a derivative of the network; not a loss",
    "min_snr_weights_for_epsilon": _WEIGHTS,
    "min_snr_weights_for_v": _WEIGHTS,
    "min_snr_weights_for_x0": _WEIGHTS,
    "score_from_epsilon": _CONVERTER,
    "sliced_score_matching_loss": _MODEL,
    "velocity_from_epsilon": _CONVERTER,
    "velocity_from_x0": _CONVERTER,
    "x0_from_epsilon": _CONVERTER,
    "x0_from_velocity": _CONVERTER,
    "gradient_penalty": _CALLABLE,
    "path_length_init": "the state of a penalty before its first step",
    "path_length_penalty": "takes a generator and a state, and returns a state beside the loss",
    "r1_penalty": _CALLABLE,
    "r2_penalty": _CALLABLE,
    "straight_through": "passes codes on with the gradient of the encodings; not a loss",
}


def _only(name: str, scale: float = 2.0) -> Draw:
    return lambda rng, batch: {name: scale * rng.normal(size=batch)}


def _scores(scale: float = 2.0) -> Draw:
    return draws.pair("real_logits", "fake_logits", scale)


def _told_apart(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"real_logits": 1 + rng.gamma(1.0, size=batch), "fake_logits": -1 - rng.gamma(1.0, size=batch)}


# ---- adversarial games -----------------------------------------------------------------------------------------


def _log_expit(x):
    return scipy.special.log_expit(x)


def _minimax(real_logits, fake_logits, real_smoothing=0.0):
    real = (1 - real_smoothing) * _log_expit(real_logits) + real_smoothing * _log_expit(-real_logits)
    return -real - _log_expit(-fake_logits)


def _hinges(real_logits, fake_logits):
    return np.where(real_logits < 1, 1 - real_logits, 0) + np.where(fake_logits > -1, 1 + fake_logits, 0)


def _least_squares(real_logits, fake_logits, real_label=1.0, fake_label=0.0):
    return ((real_logits - real_label) ** 2 + (fake_logits - fake_label) ** 2) / 2


def _relativistic_average(higher, lower):
    values = np.zeros(higher.shape[:-1])
    for i in np.ndindex(values.shape):
        high, low, n = higher[i], lower[i], higher.shape[-1]
        for k in range(n):
            values[i] -= _log_expit(high[k] - low.sum() / n) / n + _log_expit(high.sum() / n - low[k]) / n
    return values


SURE = {"real_logits": np.array([HUGE, -HUGE, 0.0, 100.0]), "fake_logits": np.array([-HUGE, HUGE, 0.0, 100.0])}
SURE_FAKES = {"fake_logits": np.array([-HUGE, HUGE, 0.0, 100.0, -100.0])}

ADVERSARIAL = [
    Case(
        fn=jaxloss.gan_minimax_discriminator_loss,
        draw=_scores(),
        oracle=_minimax,
        source="scipy.special.log_expit",
        hypers={"real_smoothing": 0.125},
        bad_hypers=({"real_smoothing": -0.5}, {"real_smoothing": 1.5}),
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_minimax_generator_loss,
        draw=_only("fake_logits"),
        oracle=lambda fake_logits: _log_expit(-fake_logits),
        source="scipy.special.log_expit",
        bound=None,
        extremes={"sure": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_nonsaturating_discriminator_loss,
        draw=_scores(),
        oracle=_minimax,
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_nonsaturating_generator_loss,
        draw=_only("fake_logits"),
        oracle=lambda fake_logits: -_log_expit(fake_logits),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_wasserstein_discriminator_loss,
        draw=_scores(),
        oracle=lambda real_logits, fake_logits: -np.subtract(real_logits, fake_logits),
        source="formula",
        bound=None,
        convex=True,
        extremes={"far": SURE},
    ),
    Case(
        fn=jaxloss.gan_wasserstein_generator_loss,
        draw=_only("fake_logits"),
        oracle=lambda fake_logits: np.negative(fake_logits),
        source="formula",
        bound=None,
        convex=True,
        extremes={"far": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_hinge_discriminator_loss,
        draw=_scores(),
        oracle=_hinges,
        source="Lim and Ye (2017)",
        perfect=_told_apart,
        convex=True,
        extremes={
            "far": SURE,
            "at the margins": {"real_logits": np.array([1.0]), "fake_logits": np.array([-1.0])},
        },
    ),
    Case(
        fn=jaxloss.gan_hinge_generator_loss,
        draw=_only("fake_logits"),
        oracle=lambda fake_logits: np.negative(fake_logits),
        source="Lim and Ye (2017)",
        bound=None,
        convex=True,
        extremes={"far": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_least_squares_discriminator_loss,
        draw=_scores(),
        oracle=_least_squares,
        source="Mao et al. (2017), equation 2",
        hypers={"real_label": 0.75, "fake_label": -0.25},
        convex=True,
        extremes={"far": {"real_logits": np.array([1e15, 1.0]), "fake_logits": np.array([-1e15, 0.0])}},
    ),
    Case(
        fn=jaxloss.gan_least_squares_generator_loss,
        draw=_only("fake_logits"),
        oracle=lambda fake_logits, real_label=1.0: (real_label - fake_logits) ** 2 / 2,
        source="Mao et al. (2017), equation 2",
        hypers={"real_label": 0.5},
        convex=True,
        extremes={"far": {"fake_logits": np.array([1e15, 1.0])}},
    ),
    Case(
        fn=jaxloss.gan_relativistic_discriminator_loss,
        draw=_scores(1.0),
        oracle=lambda real_logits, fake_logits: -_log_expit(real_logits - fake_logits),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_relativistic_generator_loss,
        draw=_scores(1.0),
        oracle=lambda real_logits, fake_logits: -_log_expit(fake_logits - real_logits),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_relativistic_average_discriminator_loss,
        draw=_scores(1.0),
        oracle=lambda real_logits, fake_logits: _relativistic_average(real_logits, fake_logits),
        source="Jolicoeur-Martineau (2018), pair by pair",
        pooled=True,
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_relativistic_average_generator_loss,
        draw=_scores(1.0),
        oracle=lambda real_logits, fake_logits: _relativistic_average(fake_logits, real_logits),
        source="Jolicoeur-Martineau (2018), pair by pair",
        pooled=True,
        convex=True,
        extremes={"sure": SURE},
    ),
]


def _features(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: rng.normal(size=(*batch, 3)) for n in ("fake_features", "real_features")}


def _equal_features(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=(*batch, 3))
    return {"fake_features": values, "real_features": values.copy()}


def _feature_matching(fake_features, real_features):
    gap = np.average(fake_features, axis=-2) - np.average(real_features, axis=-2)
    return np.einsum("...d,...d->...", gap, gap)


ADVERSARIAL.append(
    Case(
        fn=jaxloss.feature_matching_loss,
        draw=_features,
        oracle=_feature_matching,
        source="Salimans et al. (2016), section 3.1",
        pooled=True,
        fixed={"real_features": "a stop-gradient, as usual; the zero gradient has a test of its own"},
        perfect=_equal_features,
        convex=True,
        cancels="an average of differences of either sign may be small",
        extremes={"far": {"fake_features": np.array([[1e15, 0.0]]), "real_features": np.array([[-1e15, 0.0]])}},
    )
)


# ---- divergences -----------------------------------------------------------------------------------------------

ABSENT = np.array([[0.0, -np.inf, -np.inf], [np.log(0.5), np.log(0.5), -np.inf]])
PRESENT = np.log(np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]))


def _log_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: np.log(draws.simplex(rng, batch, 5)) for n in ("log_predictions", "log_targets")}


def _equal_log_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.log(draws.simplex(rng, batch, 5))
    return {"log_predictions": values, "log_targets": values.copy()}


def _logit_pair(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: rng.normal(size=(*batch, 5)) for n in ("logits", "target_logits")}


def _equal_logits(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = 3 * rng.normal(size=(*batch, 5))
    return {"logits": values, "target_logits": values.copy()}


def _masses(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"log_predictions": rng.normal(size=(*batch, 5)), "targets": 0.1 + rng.gamma(2.0, size=(*batch, 5))}


def _jensen_shannon(log_predictions, log_targets):
    return scipy.spatial.distance.jensenshannon(np.exp(log_targets), np.exp(log_predictions), axis=-1) ** 2


def _equal_probs(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = draws.simplex(rng, batch, 5)
    return {"probs": values, "targets": values.copy()}


def _overlap(log_predictions, log_targets):
    return np.sqrt(np.exp(log_predictions) * np.exp(log_targets)).sum(-1)


DIVERGENCES = [
    Case(
        fn=jaxloss.reverse_kl_divergence,
        draw=_log_distributions,
        oracle=lambda log_predictions, log_targets: scipy.special.rel_entr(
            np.exp(log_predictions), np.exp(log_targets)
        ).sum(-1),
        source="scipy.special.rel_entr",
        perfect=_equal_log_distributions,
        extremes={
            "modes": {"log_predictions": ABSENT, "log_targets": PRESENT},
            "absent in both": {"log_predictions": ABSENT, "log_targets": ABSENT},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])},
        },
    ),
    Case(
        fn=jaxloss.kl_divergence_from_logits,
        draw=_logit_pair,
        oracle=lambda logits, target_logits: scipy.special.rel_entr(
            scipy.special.softmax(target_logits, -1), scipy.special.softmax(logits, -1)
        ).sum(-1),
        source="scipy.special.rel_entr and softmax",
        perfect=_equal_logits,
        convex=True,
        cancels="the normalisation of the logits is rounded, and near equality their difference is small",
        extremes={
            "absent classes": {"logits": PRESENT, "target_logits": ABSENT},
            "absent in both": {"logits": ABSENT, "target_logits": ABSENT},
            "far": {"logits": np.array([[-1e4, 1e4, 0.0]]), "target_logits": np.array([[1e4, -1e4, 0.0]])},
        },
    ),
    Case(
        fn=jaxloss.generalized_kl_divergence,
        draw=_masses,
        oracle=lambda log_predictions, targets: scipy.special.kl_div(targets, np.exp(log_predictions)).sum(-1),
        source="scipy.special.kl_div",
        convex=True,
        cancels="the logarithm of a target is rounded before it meets the prediction's",
        extremes={
            "nothing": {"log_predictions": np.array([[-np.inf, -100.0, 3.0]]), "targets": np.zeros((1, 3))},
            "any size": {"log_predictions": np.array([[80.0, -80.0, 0.0]]), "targets": np.array([[1e30, 1e-30, 1e9]])},
            "counts": {"log_predictions": np.zeros((1, 3)), "targets": np.array([[0, 5, 1000]], np.int32)},
        },
    ),
    Case(
        fn=jaxloss.jensen_shannon_divergence,
        draw=_log_distributions,
        oracle=_jensen_shannon,
        source="scipy.spatial.distance.jensenshannon, squared",
        perfect=_equal_log_distributions,
        extremes={
            "modes": {"log_predictions": ABSENT, "log_targets": PRESENT},
            "modes of the target": {"log_predictions": PRESENT, "log_targets": ABSENT},
            "absent in both": {"log_predictions": ABSENT, "log_targets": ABSENT},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])},
        },
    ),
]

DISTANCES = [
    Case(
        fn=jaxloss.total_variation_distance,
        draw=lambda rng, batch: {n: draws.simplex(rng, batch, 5) for n in ("probs", "targets")},
        oracle=lambda probs, targets: np.maximum(probs - targets, 0).sum(-1),
        source="the probability that the prediction has too much",
        perfect=_equal_probs,
        convex=True,
        extremes={"corners": {"probs": np.array([[1.0, 0.0], [0.0, 1.0]]), "targets": np.array([[0, 1], [0, 1]])}},
    ),
    Case(
        fn=jaxloss.squared_hellinger_distance,
        draw=_log_distributions,
        oracle=lambda log_predictions, log_targets: 1 - _overlap(log_predictions, log_targets),
        source="one less the overlap",
        perfect=_equal_log_distributions,
        extremes={
            "modes": {"log_predictions": ABSENT, "log_targets": PRESENT},
            "modes of the target": {"log_predictions": PRESENT, "log_targets": ABSENT},
            "absent in both": {"log_predictions": ABSENT, "log_targets": ABSENT},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])},
        },
    ),
    Case(
        fn=jaxloss.bhattacharyya_distance,
        draw=_log_distributions,
        oracle=lambda log_predictions, log_targets: -np.log(_overlap(log_predictions, log_targets)),
        source="logarithm of the overlap",
        perfect=_equal_log_distributions,
        extremes={
            "modes": {"log_predictions": ABSENT, "log_targets": PRESENT},
            "modes of the target": {"log_predictions": PRESENT, "log_targets": ABSENT},
            "absent in both": {"log_predictions": ABSENT, "log_targets": ABSENT},
        },
    ),
]


def _powers(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: 0.2 + rng.gamma(2.0, size=batch) for n in ("predictions", "targets")}


def _equal_powers(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.exp(3 * rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


def _factor(rng: np.random.Generator, batch: Shape) -> np.ndarray:
    lower = np.tril(0.5 * rng.normal(size=(*batch, 3, 3)), -1)
    return lower + np.eye(3) * rng.uniform(0.6, 1.8, size=(*batch, 1, 3))


def _full_gaussians(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "mean_p": rng.normal(size=(*batch, 3)),
        "scale_tril_p": _factor(rng, batch),
        "mean_q": rng.normal(size=(*batch, 3)),
        "scale_tril_q": _factor(rng, batch),
    }


def _equal_full_gaussians(rng: np.random.Generator, batch: Shape) -> Inputs:
    mean, factor = rng.normal(size=(*batch, 3)), _factor(rng, batch)
    return {"mean_p": mean, "scale_tril_p": factor, "mean_q": mean.copy(), "scale_tril_q": factor.copy()}


def _full_gaussian_kl(mean_p, scale_tril_p, mean_q, scale_tril_q):
    """From covariances, their inverses and determinants."""
    values = np.zeros(mean_p.shape[:-1])
    for i in np.ndindex(values.shape):
        p, q = (f[i] @ f[i].T for f in (scale_tril_p, scale_tril_q))
        shift, precision = mean_p[i] - mean_q[i], np.linalg.inv(q)
        trace = np.trace(precision @ p) + shift @ precision @ shift - len(shift)
        values[i] = 0.5 * (trace + np.log(np.linalg.det(q) / np.linalg.det(p)))
    return values


DISTANCES += [
    Case(
        fn=jaxloss.itakura_saito_divergence,
        draw=_powers,
        oracle=lambda predictions, targets: targets / predictions - np.log(targets / predictions) - 1,
        source="Fevotte et al. (2009), equation 1",
        tolerance=1e-11,
        perfect=_equal_powers,
        extremes={"any scale": {"predictions": np.array([1e-30, 1e30, 1.0]), "targets": np.array([1e-30, 1.0, 1e30])}},
    ),
    Case(
        fn=jaxloss.multivariate_gaussian_kl,
        draw=_full_gaussians,
        oracle=_full_gaussian_kl,
        source="formula with covariances, numpy.linalg",
        tolerance=1e-11,
        perfect=_equal_full_gaussians,
        convex=True,
        extremes={
            "small and large scales": {
                "mean_p": np.array([[0.0, 1e6]]),
                "scale_tril_p": np.array([[[1e-9, 0.0], [0.0, 1e9]]]),
                "mean_q": np.array([[0.0, -1e6]]),
                "scale_tril_q": np.array([[[1e-6, 0.0], [0.0, 1e6]]]),
            }
        },
    ),
]


def _latents(*names: str) -> Draw:
    return lambda rng, batch: {n: rng.normal(size=(*batch, 4)) for n in names}


def _equal_latents(*names: str) -> Draw:
    """The first half of the parameters, and the second half equal to it."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        values = [rng.normal(size=(*batch, 4)) for _ in names[: len(names) // 2]]
        return {n: v.copy() for n, v in zip(names, values + values, strict=True)}

    return draw


def _bernoulli_kl(logits_p, logits_q):
    p, q = scipy.special.expit(logits_p), scipy.special.expit(logits_q)
    return (scipy.special.rel_entr(p, q) + scipy.special.rel_entr(1 - p, 1 - q)).sum(-1)


def _laplace_kl(location_p, log_scale_p, location_q, log_scale_q):
    p, q, distance = np.exp(log_scale_p), np.exp(log_scale_q), np.abs(location_p - location_q)
    return (np.log(q / p) + (p * np.exp(-distance / p) + distance) / q - 1).sum(-1)


LAPLACE = ("location_p", "log_scale_p", "location_q", "log_scale_q")

DISTANCES += [
    Case(
        fn=jaxloss.bernoulli_kl,
        draw=_latents("logits_p", "logits_q"),
        oracle=_bernoulli_kl,
        source="scipy.special.rel_entr and expit",
        perfect=_equal_latents("logits_p", "logits_q"),
        cancels="log-probabilities are rounded before they meet, and near equality their difference is small",
        extremes={"sure": {"logits_p": np.array([[1e4, -1e4, 0.0]]), "logits_q": np.array([[-1e4, -1e4, 1e4]])}},
    ),
    Case(
        fn=jaxloss.laplace_kl,
        draw=_latents(*LAPLACE),
        oracle=_laplace_kl,
        source="formula with scales",
        tolerance=1e-11,
        perfect=_equal_latents(*LAPLACE),
        convex=True,
        extremes={
            "narrow": dict(zip(LAPLACE, (np.ones((1, 2)), np.full((1, 2), -300.0)) * 2, strict=True)),
            "a point": dict(zip(LAPLACE, np.array([[[1.0]], [[-300.0]], [[0.0]], [[0.0]]]), strict=True)),
            "wide": dict(zip(LAPLACE, np.array([[[1e18]], [[80.0]], [[0.0]], [[0.0]]]), strict=True)),
        },
    ),
    Case(
        fn=jaxloss.poisson_kl,
        draw=_latents("log_rate_p", "log_rate_q"),
        oracle=lambda log_rate_p, log_rate_q: scipy.special.kl_div(np.exp(log_rate_p), np.exp(log_rate_q)).sum(-1),
        source="scipy.special.kl_div",
        perfect=_equal_latents("log_rate_p", "log_rate_q"),
        extremes={
            "any rate": {
                "log_rate_p": np.array([[-np.inf, -80.0, 80.0, 0.0]]),
                "log_rate_q": np.array([[-np.inf, 80.0, -80.0, 1e-30]]),
            }
        },
    ),
]


# ---- evidence bounds and quantisation --------------------------------------------------------------------------

SIGNED = "a density has values on both sides of 1, so its logarithm crosses 0"
STOPPED = "a stop-gradient, as the paper has it; the zero gradient has a test of its own"


def _bound_terms(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"reconstruction_nlls": 3 * rng.normal(size=batch), "kl_divergences": rng.gamma(2.0, size=batch)}


def _group_divergences(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"kl_divergences": rng.gamma(1.0, size=(*batch, 4))}


def _batch_free_bits(kl_divergences, free_nats):
    means = kl_divergences.sum(-2) / kl_divergences.shape[-2]
    return np.where(means < free_nats, free_nats, means).sum(-1)


def _vector_pair(first: str, second: str) -> Draw:
    return lambda rng, batch: {first: rng.normal(size=(*batch, 3)), second: rng.normal(size=(*batch, 3))}


def _equal_vectors(first: str, second: str) -> Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        values = rng.normal(size=(*batch, 3))
        return {first: values, second: values.copy()}

    return draw


def _far_vectors(first: str, second: str) -> Inputs:
    return {first: np.array([[1e18, 0.0, 1e-30]]), second: np.array([[-1e18, 0.0, -1e-30]])}


EVIDENCE = [
    Case(
        fn=jaxloss.elbo_loss,
        draw=_bound_terms,
        oracle=lambda reconstruction_nlls, kl_divergences, beta=1.0: reconstruction_nlls + beta * kl_divergences,
        source="formula",
        hypers={"beta": 4.0},
        bad_hypers=({"beta": -1.0},),
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={"large": {"reconstruction_nlls": np.array([HUGE, 0.0]), "kl_divergences": np.array([0.0, HUGE])}},
    ),
    Case(
        fn=jaxloss.capacity_elbo_loss,
        draw=_bound_terms,
        oracle=lambda reconstruction_nlls, kl_divergences, capacity, gamma=1000.0: (
            reconstruction_nlls + gamma * np.abs(kl_divergences - capacity)
        ),
        source="Burgess et al. (2018), equation 8",
        hypers={"capacity": 1.5, "gamma": 2.0},
        bad_hypers=({"capacity": -1.0}, {"gamma": -1.0}),
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={"large": {"reconstruction_nlls": np.array([HUGE, 0.0]), "kl_divergences": np.array([1.5, HUGE])}},
    ),
    Case(
        fn=jaxloss.iwae_loss,
        draw=lambda rng, batch: {"log_importance_weights": 3 * rng.normal(size=(*batch, 4))},
        oracle=lambda log_importance_weights: -np.log(np.exp(log_importance_weights).sum(-1) / 4),
        source="Burda et al. (2016), equation 8",
        bound=None,
        cancels=SIGNED,
        extremes={
            "unlikely": {"log_importance_weights": np.array([[-1e5, -1e5, -2e5], [-1e30, 0.0, 80.0]])},
            "likely": {"log_importance_weights": np.array([[1e5, -1e5, 0.0]])},
            "weights of 0": {"log_importance_weights": np.array([[-np.inf, 1.0, -np.inf]])},
        },
    ),
    Case(
        fn=jaxloss.free_bits_loss,
        draw=_group_divergences,
        oracle=lambda kl_divergences, free_nats: np.where(kl_divergences < free_nats, free_nats, kl_divergences).sum(
            -1
        ),
        source="Kingma et al. (2016), example by example",
        hypers={"free_nats": 0.5},
        bad_hypers=({"free_nats": -1.0},),
        convex=True,
        extremes={"floor": {"kl_divergences": np.array([[0.5, 0.0, HUGE, 1e-30]])}},
    ),
    Case(
        fn=jaxloss.batch_free_bits_loss,
        draw=_group_divergences,
        oracle=_batch_free_bits,
        source="Kingma et al. (2016), equation 15",
        hypers={"free_nats": 0.75},
        pooled=True,
        bad_hypers=({"free_nats": -1.0},),
        convex=True,
        extremes={"floor": {"kl_divergences": np.array([[0.5, 0.0], [1.0, 1e30]])}},
    ),
    Case(
        fn=jaxloss.vq_codebook_loss,
        draw=_vector_pair("codes", "encodings"),
        oracle=lambda codes, encodings: np.linalg.norm(codes - encodings, axis=-1) ** 2,
        source="numpy.linalg.norm, squared",
        fixed={"encodings": STOPPED},
        perfect=_equal_vectors("codes", "encodings"),
        convex=True,
        extremes={"far": _far_vectors("codes", "encodings")},
    ),
    Case(
        fn=jaxloss.vq_commitment_loss,
        draw=_vector_pair("encodings", "codes"),
        oracle=lambda encodings, codes: np.linalg.norm(encodings - codes, axis=-1) ** 2,
        source="numpy.linalg.norm, squared",
        fixed={"codes": STOPPED},
        perfect=_equal_vectors("encodings", "codes"),
        convex=True,
        extremes={"far": _far_vectors("encodings", "codes")},
    ),
]


# ---- diffusion, scores, flows ----------------------------------------------------------------------------------

EVENT = (3, 2)


def _noisy(*data: str, numbers: tuple[str, ...] = ("loss_weights",)) -> Draw:
    return lambda rng, batch: {
        **{n: rng.normal(size=(*batch, *EVENT)) for n in data},
        **{n: rng.uniform(0.2, 2.0, size=batch) for n in numbers},
    }


def _exact(*data: str, numbers: tuple[str, ...] = ("loss_weights",)) -> Draw:
    """Whole data and numbers that are powers of two: no target is rounded."""
    return lambda rng, batch: {
        **{n: rng.integers(-4, 5, size=(*batch, *EVENT)).astype(float) for n in data},
        **{n: 0.5 ** rng.integers(0, 3, size=batch) for n in numbers},
    }


def _equal_data(first: str, second: str) -> Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        inputs = _noisy(first, second)(rng, batch)
        return {**inputs, first: inputs[second].copy()}

    return draw


def _perfect_velocity(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = _exact("predictions", "samples", "noise", numbers=V_NUMBERS)(rng, batch)
    alphas, sigmas = (inputs[n][..., None, None] for n in V_NUMBERS[:2])
    return {**inputs, "predictions": alphas * inputs["noise"] - sigmas * inputs["samples"]}


def _perfect_score(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = _exact("scores", "noise", numbers=("sigmas", "loss_weights"))(rng, batch)
    return {**inputs, "scores": -inputs["noise"] / inputs["sigmas"][..., None, None]}


def _perfect_flow(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = _exact("predictions", "noise", "samples")(rng, batch)
    return {**inputs, "noise": 0 * inputs["noise"], "predictions": inputs["samples"].copy()}


V_NUMBERS = ("alphas", "sigmas", "loss_weights")


def _each_mean_square(residuals, loss_weights):
    """Example by example."""
    values = [w * np.mean([r**2 for r in residuals[i].ravel()]) for i, w in np.ndenumerate(loss_weights)]
    return np.reshape(values, np.shape(loss_weights))


def _of_example(numbers):
    return np.asarray(numbers)[..., None, None]


def _v_prediction(predictions, samples, noise, alphas, sigmas, loss_weights):
    velocity = noise * _of_example(alphas) - samples * _of_example(sigmas)
    return _each_mean_square(velocity - predictions, loss_weights)


def _denoising(scores, noise, sigmas, loss_weights):
    wanted = -noise / _of_example(sigmas)
    return _each_mean_square(scores - wanted, loss_weights * sigmas**2)


def _flow(predictions, noise, samples, loss_weights, sigma_min=0.0):
    return _each_mean_square(predictions - samples + noise - sigma_min * noise, loss_weights)


def _far(*data: str, numbers: tuple[str, ...] = ("loss_weights",)) -> Inputs:
    values = np.broadcast_to(np.array([1e18, 0.0, 1e-30])[:, None], (1, *EVENT))
    return {
        **{n: values.copy() for n in data[:1]},
        **dict.fromkeys(data[1:], -values),
        **{n: np.ones(1) for n in numbers},
    }


DIFFUSION = [
    Case(
        fn=jaxloss.epsilon_prediction_loss,
        draw=_noisy("predictions", "noise"),
        oracle=lambda predictions, noise, loss_weights: _each_mean_square(predictions - noise, loss_weights),
        source="Ho et al. (2020), equation 14, entry by entry",
        perfect=_equal_data("predictions", "noise"),
        convex=True,
        extremes={"far": _far("predictions", "noise")},
    ),
    Case(
        fn=jaxloss.x0_prediction_loss,
        draw=_noisy("predictions", "samples"),
        oracle=lambda predictions, samples, loss_weights: _each_mean_square(samples - predictions, loss_weights),
        source="Salimans and Ho (2022), entry by entry",
        perfect=_equal_data("predictions", "samples"),
        convex=True,
        extremes={"far": _far("predictions", "samples")},
    ),
    Case(
        fn=jaxloss.v_prediction_loss,
        draw=_noisy("predictions", "samples", "noise", numbers=V_NUMBERS),
        oracle=_v_prediction,
        source="Salimans and Ho (2022), entry by entry",
        perfect=_perfect_velocity,
        convex=True,
        extremes={
            "far": _far("predictions", "samples", "noise", numbers=V_NUMBERS),
            "pure noise": {**_far("predictions", "samples", "noise", numbers=V_NUMBERS), "alphas": np.zeros(1)},
        },
    ),
    Case(
        fn=jaxloss.denoising_score_matching_loss,
        draw=_noisy("scores", "noise", numbers=("sigmas", "loss_weights")),
        oracle=_denoising,
        source="Vincent (2011), entry by entry",
        perfect=_perfect_score,
        convex=True,
        extremes={
            "far": _far("scores", "noise", numbers=("sigmas", "loss_weights")),
            "no noise": {**_far("scores", "noise", numbers=("sigmas", "loss_weights")), "sigmas": np.zeros(1)},
        },
    ),
    Case(
        fn=jaxloss.flow_matching_loss,
        draw=_noisy("predictions", "noise", "samples"),
        oracle=_flow,
        source="Lipman et al. (2023), equation 23, entry by entry",
        hypers={"sigma_min": 0.125},
        bad_hypers=({"sigma_min": -0.5}, {"sigma_min": 1.5}),
        perfect=_perfect_flow,
        convex=True,
        extremes={"far": _far("predictions", "noise", "samples")},
    ),
]


def _pseudo_huber(predictions, targets, loss_weights, c=0.00054):
    bend = c * np.sqrt(6)
    squares = ((predictions - targets) ** 2).sum((-1, -2))
    return loss_weights * (np.hypot(np.sqrt(squares), bend) - bend)


def _sds(samples, predictions, noise, loss_weights):
    return loss_weights * np.einsum("...ij,...ij->...", samples, predictions - noise)


FIXED_MODEL = "the diffusion model is not differentiated: a stop-gradient, with a test of its own"

CONSISTENCY = [
    Case(
        fn=jaxloss.consistency_loss,
        draw=_noisy("predictions", "targets"),
        oracle=_pseudo_huber,
        source="Song and Dhariwal (2024), section 3.3, by numpy.hypot",
        hypers={"c": 0.5},
        bad_hypers=({"c": -1.0},),
        fixed={"targets": STOPPED},
        perfect=_equal_data("predictions", "targets"),
        convex=True,
        extremes={
            "far": {**_far("predictions", "targets"), "loss_weights": np.ones(1)},
            "equal": {
                "predictions": np.zeros((1, *EVENT)),
                "targets": np.zeros((1, *EVENT)),
                "loss_weights": np.ones(1),
            },
        },
    ),
    Case(
        fn=jaxloss.score_distillation_loss,
        draw=_noisy("samples", "predictions", "noise"),
        oracle=_sds,
        source="Poole et al. (2023), equation 3, integrated",
        fixed={"predictions": FIXED_MODEL, "noise": FIXED_MODEL},
        bound=None,
        convex=True,
        cancels="the value is an inner product of either sign",
        extremes={"far": {**_far("samples", "predictions", "noise"), "noise": np.zeros((1, *EVENT))}},
    ),
]

CASES = [*ADVERSARIAL, *DIVERGENCES, *DISTANCES, *EVIDENCE, *DIFFUSION, *CONSISTENCY]
