"""Cases of Kullback-Leibler divergences, discrete and Gaussian."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

NO_LOG = np.array([[0.0, -np.inf, -np.inf], [np.log(0.5), np.log(0.5), -np.inf]])
ONE_HOT = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
CANCELS = "terms of both signs add up to a divergence that is small where the distributions are near"


def _distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"log_predictions": np.log(draws.simplex(rng, batch, 5)), "targets": draws.simplex(rng, batch, 5)}


def _log_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: np.log(draws.simplex(rng, batch, 5)) for n in ("log_predictions", "log_targets")}


def _gaussian(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"mean": rng.normal(size=(*batch, 4)), "log_variance": rng.normal(size=(*batch, 4))}


def _gaussians(rng: np.random.Generator, batch: Shape) -> Inputs:
    names = ("mean_p", "log_variance_p", "mean_q", "log_variance_q")
    return {n: rng.normal(size=(*batch, 4)) for n in names}


def _standard(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: np.zeros_like(x) for n, x in _gaussian(rng, batch).items()}


def _equal_gaussians(rng: np.random.Generator, batch: Shape) -> Inputs:
    mean, log_variance = _gaussian(rng, batch).values()
    return {
        "mean_p": mean,
        "log_variance_p": log_variance,
        "mean_q": mean.copy(),
        "log_variance_q": log_variance.copy(),
    }


def _normal_kl(mean_p, log_variance_p, mean_q, log_variance_q):
    """From standard deviations, dimension by dimension, as textbooks have it."""
    p, q = np.sqrt(np.exp(log_variance_p)), np.sqrt(np.exp(log_variance_q))
    return np.sum(np.log(q / p) + (p**2 + (mean_p - mean_q) ** 2) / (2 * q**2) - 0.5, axis=-1)


CASES = [
    Case(
        fn=jaxloss.kl_divergence,
        draw=_distributions,
        oracle=lambda log_predictions, targets: scipy.special.rel_entr(targets, np.exp(log_predictions)).sum(-1),
        source="scipy.special.rel_entr",
        bound=None,
        convex=True,
        cancels=CANCELS,
        extremes={
            "one hot": {"log_predictions": NO_LOG, "targets": ONE_HOT},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "targets": np.array([[1.0, 0.0]])},
            "rare": {"log_predictions": np.array([[-80.0, 0.0]]), "targets": np.array([[1e-37, 1.0]])},
        },
    ),
    Case(
        fn=jaxloss.kl_divergence_with_log_targets,
        draw=_log_distributions,
        oracle=lambda log_predictions, log_targets: scipy.special.rel_entr(
            np.exp(log_targets), np.exp(log_predictions)
        ).sum(-1),
        source="scipy.special.rel_entr",
        bound=None,
        convex=True,
        cancels=CANCELS,
        extremes={
            "one hot": {"log_predictions": NO_LOG, "log_targets": np.array([[0.0, -np.inf, -np.inf]] * 2)},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])},
            "below the dtype": {"log_predictions": np.array([[-np.inf, 0.0]]), "log_targets": np.array([[-1e9, 0.0]])},
        },
    ),
    Case(
        fn=jaxloss.gaussian_kl_standard_normal,
        draw=_gaussian,
        oracle=lambda mean, log_variance: _normal_kl(mean, log_variance, 0 * mean, 0 * mean),
        source="formula with standard deviations",
        perfect=_standard,
        convex=True,
        extremes={
            "narrow": {"mean": np.zeros((1, 2)), "log_variance": np.array([[-1e4, -1e30]])},
            "wide": {"mean": np.array([[1e18, 0.0]]), "log_variance": np.array([[80.0, 1e-30]])},
        },
    ),
    Case(
        fn=jaxloss.gaussian_kl,
        draw=_gaussians,
        oracle=_normal_kl,
        source="formula with standard deviations",
        perfect=_equal_gaussians,
        convex=True,
        extremes={
            "narrow": dict(
                zip(
                    ("mean_p", "log_variance_p", "mean_q", "log_variance_q"),
                    (np.ones((1, 2)), np.array([[-1e3, -300.0]]), np.ones((1, 2)), np.array([[-1e3, -300.0]])),
                    strict=True,
                )
            ),
            "wide": dict(
                zip(
                    ("mean_p", "log_variance_p", "mean_q", "log_variance_q"),
                    (np.array([[1e18, 1.0]]), np.array([[80.0, -80.0]]), np.zeros((1, 2)), np.array([[0.0, 80.0]])),
                    strict=True,
                )
            ),
        },
    ),
]
