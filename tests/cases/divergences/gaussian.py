"""Cases of the Kullback-Leibler divergences of Gaussians."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


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


CASES = [
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
