"""Cases of the Kullback-Leibler divergences of Gaussians."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _latents(size: int, *names: str) -> Draw:
    return lambda rng, batch: {n: rng.normal(size=(*batch, size)) for n in names}


_gaussian = _latents(4, "means", "log_variances")
PAIR = ("means_p", "log_variances_p", "means_q", "log_variances_q")


def _standard(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: np.zeros_like(x) for n, x in _gaussian(rng, batch).items()}


def _equal_gaussians(rng: np.random.Generator, batch: Shape) -> Inputs:
    mean, log_variances = _gaussian(rng, batch).values()
    return {
        "means_p": mean,
        "log_variances_p": log_variances,
        "means_q": mean.copy(),
        "log_variances_q": log_variances.copy(),
    }


def _normal_kl(means_p, log_variances_p, means_q, log_variances_q):
    """From standard deviations, dimension by dimension, as textbooks have it."""
    p, q = np.sqrt(np.exp(log_variances_p)), np.sqrt(np.exp(log_variances_q))
    return np.sum(np.log(q / p) + (p**2 + (means_p - means_q) ** 2) / (2 * q**2) - 0.5, axis=-1)


def _factor(rng: np.random.Generator, batch: Shape, size: int = 3) -> np.ndarray:
    lower = np.tril(0.5 * rng.normal(size=(*batch, size, size)), -1)
    return lower + np.eye(size) * rng.uniform(0.6, 1.8, size=(*batch, 1, size))


def _full_gaussians(size: int) -> Draw:
    return lambda rng, batch: {
        "means_p": rng.normal(size=(*batch, size)),
        "scale_trils_p": _factor(rng, batch, size),
        "means_q": rng.normal(size=(*batch, size)),
        "scale_trils_q": _factor(rng, batch, size),
    }


def _equal_full_gaussians(rng: np.random.Generator, batch: Shape) -> Inputs:
    mean, factor = rng.normal(size=(*batch, 3)), _factor(rng, batch)
    return {"means_p": mean, "scale_trils_p": factor, "means_q": mean.copy(), "scale_trils_q": factor.copy()}


def _full_gaussian_kl(means_p, scale_trils_p, means_q, scale_trils_q):
    """From covariances, their inverses and determinants."""
    values = np.zeros(means_p.shape[:-1])
    for i in np.ndindex(values.shape):
        p, q = (f[i] @ f[i].T for f in (scale_trils_p, scale_trils_q))
        shift, precision = means_p[i] - means_q[i], np.linalg.inv(q)
        trace = np.trace(precision @ p) + shift @ precision @ shift - len(shift)
        values[i] = 0.5 * (trace + np.log(np.linalg.det(q) / np.linalg.det(p)))
    return values


CASES = [
    Case(
        fn=jaxloss.gaussian_kl_standard_normal,
        draw=_gaussian,
        oracle=lambda means, log_variances: _normal_kl(means, log_variances, 0 * means, 0 * means),
        source="formula with standard deviations",
        perfect=_standard,
        structures={"one latent": _latents(1, "means", "log_variances")},
        convex=True,
        extremes={
            "narrow": {"means": np.zeros((1, 2)), "log_variances": np.array([[-1e4, -1e30]])},
            "wide": {"means": np.array([[1e18, 0.0]]), "log_variances": np.array([[80.0, 1e-30]])},
        },
    ),
    Case(
        fn=jaxloss.gaussian_kl,
        draw=_latents(4, *PAIR),
        oracle=_normal_kl,
        source="formula with standard deviations",
        perfect=_equal_gaussians,
        structures={"one latent": _latents(1, *PAIR)},
        convex=True,
        extremes={
            "narrow": dict(
                zip(
                    PAIR,
                    (np.ones((1, 2)), np.array([[-1e3, -300.0]]), np.ones((1, 2)), np.array([[-1e3, -300.0]])),
                    strict=True,
                )
            ),
            "wide": dict(
                zip(
                    PAIR,
                    (np.array([[1e18, 1.0]]), np.array([[80.0, -80.0]]), np.zeros((1, 2)), np.array([[0.0, 80.0]])),
                    strict=True,
                )
            ),
        },
        translates=(("means_p", "means_q"),),
    ),
    Case(
        fn=jaxloss.multivariate_gaussian_kl,
        draw=_full_gaussians(3),
        oracle=_full_gaussian_kl,
        source="formula with covariances, numpy.linalg",
        tolerance=1e-11,
        perfect=_equal_full_gaussians,
        structures={"one dimension": _full_gaussians(1), "two dimensions": _full_gaussians(2)},
        convex=True,
        extremes={
            "small and large scales": {
                "means_p": np.array([[0.0, 1e6]]),
                "scale_trils_p": np.array([[[1e-9, 0.0], [0.0, 1e9]]]),
                "means_q": np.array([[0.0, -1e6]]),
                "scale_trils_q": np.array([[[1e-6, 0.0], [0.0, 1e6]]]),
            }
        },
        translates=(("means_p", "means_q"),),
    ),
]
