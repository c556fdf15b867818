"""Cases of `jaxloss.transport.covariances`."""

from __future__ import annotations

import numpy as np
import scipy.linalg

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.transport._shared import MASSES, by_pair, clouds, spread


def _coral(x, y, a, b):
    one, other = (np.atleast_2d(np.cov(z.T, aweights=w)) for z, w in ((x, a), (y, b)))
    return np.sum((one - other) ** 2) / (4 * x.shape[-1] ** 2)


def _gaussians(features: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        square = (*batch, features, features)
        return {
            "means_p": rng.normal(size=square[:-1]),
            "factors_p": rng.normal(size=square) + 2 * np.eye(features),
            "means_q": rng.normal(size=square[:-1]),
            "factors_q": rng.normal(size=square) + 2 * np.eye(features),
        }

    return draw


def _wasserstein(means_p, factors_p, means_q, factors_q):
    """By square roots of covariances."""
    values = np.sum((means_p - means_q) ** 2, axis=-1)
    for i in np.ndindex(values.shape):
        one, other = factors_p[i] @ factors_p[i].T, factors_q[i] @ factors_q[i].T
        root = scipy.linalg.sqrtm(one)
        values[i] += np.trace(one + other - 2 * np.real(scipy.linalg.sqrtm(root @ other @ root)))
    return values


TRIANGLE = np.array([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 0.5, 3.0]])
ONE_AXIS = np.diag([1.0, 0.0, 0.0])
NONE = np.zeros((3, 3))

CASES = [
    Case(
        fn=jaxloss.coral_loss,
        draw=clouds,
        oracle=by_pair(_coral, 2),
        source="numpy.cov with aweights",
        hypers=MASSES,
        cancels="a difference of covariances",
        extremes={
            "identical": {"predictions": np.ones((1, 5, 2)), "targets": np.ones((1, 4, 2))},
            "one point": {"predictions": np.ones((1, 5, 2)), "targets": np.arange(8.0).reshape(1, 4, 2)},
            "large": {"predictions": 1e8 * np.arange(10.0).reshape(1, 5, 2), "targets": np.ones((1, 4, 2))},
            "tiny": {"predictions": 1e-30 * np.arange(10.0).reshape(1, 5, 2), "targets": np.zeros((1, 4, 2))},
        },
        translates=(("predictions",), ("targets",)),
        spread=spread(2),
    ),
    Case(
        fn=jaxloss.gaussian_wasserstein_distance,
        draw=_gaussians(3),
        oracle=_wasserstein,
        source="scipy.linalg.sqrtm",
        tolerance=1e-9,  # of the square roots of the oracle
        cancels="what is left of one factor without the other",
        ulps=12.0,  # of the rotation between the factors
        structures={"one feature": _gaussians(1), "five features": _gaussians(5)},
        extremes={
            "flat": {
                "means_p": np.zeros((4, 3)),
                "factors_p": np.stack([NONE, ONE_AXIS, ONE_AXIS, TRIANGLE]),
                "means_q": np.zeros((4, 3)),
                "factors_q": np.stack([TRIANGLE, TRIANGLE, ONE_AXIS[::-1], NONE]),
            },
            "equal": {
                "means_p": np.ones((3, 3)),
                "factors_p": np.stack([TRIANGLE, np.eye(3), NONE]),
                "means_q": np.ones((3, 3)),
                "factors_q": np.stack([TRIANGLE, np.eye(3), NONE]),
            },
            "any size": {
                "means_p": np.zeros((1, 3)),
                "factors_p": 1e18 * TRIANGLE[None],
                "means_q": np.ones((1, 3)),
                "factors_q": 1e-18 * TRIANGLE[None],
            },
        },
        translates=(("means_p", "means_q"),),
    ),
]
