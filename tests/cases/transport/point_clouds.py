"""Cases of `jaxloss.transport.point_clouds`."""

from __future__ import annotations

import numpy as np
import scipy.spatial

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.transport._shared import spread

N, M = 4, 5


def _clouds(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=(*batch, N, 3)), "targets": rng.normal(size=(*batch, M, 3))}


def _nearest(predictions, targets, prediction_weights=None, target_weights=None):
    values = np.zeros(predictions.shape[:-2])
    a = np.ones(N) if prediction_weights is None else prediction_weights
    b = np.ones(M) if target_weights is None else target_weights
    for i in np.ndindex(values.shape):
        x, y = predictions[i], targets[i]
        there = scipy.spatial.cKDTree(y[b > 0]).query(x)[0] ** 2
        back = scipy.spatial.cKDTree(x[a > 0]).query(y)[0] ** 2
        values[i] = np.average(there, weights=a) + np.average(back, weights=b)
    return values


CASES = [
    Case(
        fn=jaxloss.chamfer_distance,
        draw=_clouds,
        oracle=_nearest,
        source="scipy.spatial.cKDTree",
        hypers={
            "prediction_weights": np.array([1.0, 0.0, 2.0, 0.5]),
            "target_weights": np.array([1.0, 2.0, 0.0, 0.5, 3.0]),
        },
        extremes={
            "equal points": {"predictions": np.ones((2, N, 3)), "targets": np.ones((2, M, 3))},
            "any size": {"predictions": 1e18 * np.ones((1, N, 3)), "targets": 1e-30 * np.ones((1, M, 3))},
        },
        translates=(("predictions", "targets"),),
        spread=spread(3),
    ),
]
