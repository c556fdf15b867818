"""Cases of `jaxloss.probabilistic.gaussian`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, SIGNED, TINY, centred, edge, positive


def _beta_nll(means, variances, targets, beta=0.5):
    return -(variances**beta) * scipy.stats.norm.logpdf(targets, means, np.sqrt(variances))


def _beta_slopes(means, variances, targets, beta=0.5):
    """Of the Gaussian likelihood, times the weight as a constant."""
    error = means - targets
    return {
        "means": variances**beta * error / variances,
        "variances": variances**beta * (1 - error**2 / variances) / (2 * variances),
    }


def _multivariate(rng, batch, size=3):
    lower = np.tril(0.5 * rng.normal(size=(*batch, size, size)), -1)
    diagonal = np.eye(size) * rng.uniform(0.6, 1.8, size=(*batch, 1, size))
    return {
        "means": rng.normal(size=(*batch, size)),
        "scale_trils": lower + diagonal,
        "targets": rng.normal(size=(*batch, size)),
    }


def _multivariate_nll(means, scale_trils, targets):
    batch = means.shape[:-1]
    values = [
        -scipy.stats.multivariate_normal.logpdf(targets[i], means[i], scale_trils[i] @ scale_trils[i].T)
        for i in np.ndindex(batch)
    ]
    return np.reshape(values, batch)


def _mixture(rng, batch, components=3):
    return {
        "logits": rng.normal(size=(*batch, components)),
        "means": 2 * rng.normal(size=(*batch, components)),
        "variances": positive(rng, (*batch, components)),
        "targets": 2 * rng.normal(size=batch),
    }


def _mixture_nll(logits, means, variances, targets):
    densities = scipy.stats.norm.pdf(targets[..., None], means, np.sqrt(variances))
    return -np.log(np.sum(scipy.special.softmax(logits, axis=-1) * densities, axis=-1))


CASES = [
    Case(
        fn=jaxloss.gaussian_nll,
        draw=centred("means", "variances"),
        oracle=lambda means, variances, targets: -scipy.stats.norm.logpdf(targets, means, np.sqrt(variances)),
        source="scipy.stats.norm.logpdf",
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={
            "tiny variances": edge(means=[0, 1e-25, 1e-30], variances=[1e-37, TINY, 1e-37], targets=[0, 0, 0]),
            "large": edge(means=[1e18, 0, -1e3], variances=[1, HUGE, 1e-6], targets=[-1e18, 1e25, 1e3]),
        },
        illegal={"variances": (0.0, -1.0)},
        translates=(("means", "targets"),),
    ),
    Case(
        fn=jaxloss.beta_nll,
        draw=centred("means", "variances"),
        oracle=_beta_nll,
        source="scipy.stats.norm.logpdf, weighted",
        hypers={"beta": 0.25},
        bad_hypers=({"beta": -0.5}, {"beta": 1.5}),
        fixed={"variances": "the weight passes no gradient, so the slope is not that of the value; tested by itself"},
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={"tiny": edge(means=[0, 1e-25], variances=[1e-37, TINY], targets=[0, 0])},
        illegal={"variances": (0.0, -1.0)},
        ends=({"beta": 0.0}, {"beta": 1.0}),
        slopes=_beta_slopes,
        translates=(("means", "targets"),),
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
        structures={"one dimension": lambda rng, batch: _multivariate(rng, batch, 1)},
        translates=(("means", "targets"),),
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
        illegal={"variances": (0.0, -1.0)},
        structures={"one component": lambda rng, batch: _mixture(rng, batch, 1)},
        translates=(("logits",), ("means", "targets")),
    ),
]
