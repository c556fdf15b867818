"""Cases of `jaxloss.sequence.soft_alignment`."""

from __future__ import annotations

import numpy as np
import scipy.spatial
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape


def _series(rng: np.random.Generator, batch: Shape, n: int = 4, m: int = 3, coordinates: int = 2) -> Inputs:
    shapes = {"predictions": (*batch, n, coordinates), "targets": (*batch, m, coordinates)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


SIZES = {
    "equal numbers": lambda rng, batch: _series(rng, batch, 3, 3),
    "more targets": lambda rng, batch: _series(rng, batch, 2, 4, 1),
    "one point each": lambda rng, batch: _series(rng, batch, 1, 1),
}


def _alignments(i: int, j: int):
    """All monotone paths from (0, 0) to (i, j)."""
    if i < 0 or j < 0:
        return
    if i == j == 0:
        yield [(0, 0)]
    for before in ((i - 1, j), (i, j - 1), (i - 1, j - 1)):
        for path in _alignments(*before):
            yield [*path, (i, j)]


def _soft_dtw(predictions, targets, gamma=1.0):
    result = np.empty(predictions.shape[:-2])
    for k in np.ndindex(result.shape):
        costs = scipy.spatial.distance.cdist(predictions[k], targets[k], "sqeuclidean")
        totals = [sum(costs[cell] for cell in path) for path in _alignments(*np.subtract(costs.shape, 1))]
        result[k] = -gamma * scipy.special.logsumexp(-np.array(totals) / gamma)
    return result


def _soft_dtw_divergence(predictions, targets, gamma=1.0):
    own = _soft_dtw(predictions, predictions, gamma) + _soft_dtw(targets, targets, gamma)
    return _soft_dtw(predictions, targets, gamma) - own / 2


def _equal_series(rng: np.random.Generator, batch: Shape) -> Inputs:
    series = rng.normal(size=(*batch, 4, 2))
    return {"predictions": series, "targets": series.copy()}


SERIES = {
    "far": {"predictions": np.full((1, 3, 1), 1e17), "targets": np.zeros((1, 2, 1))},
    "equal": {"predictions": np.ones((1, 3, 1)), "targets": np.ones((1, 3, 1))},
    "points": {"predictions": np.ones((1, 1, 2)), "targets": np.zeros((1, 1, 2))},
}

CASES = [
    Case(
        fn=jaxloss.soft_dtw_loss,
        draw=_series,
        structures=SIZES,
        oracle=_soft_dtw,
        source="enumeration of all alignments",
        hypers={"gamma": 0.25},
        bad_hypers=({"gamma": 0.0}, {"gamma": -1.0}),
        bound=None,
        extremes=SERIES,
        translates=(("predictions", "targets"),),
        cancels="the logarithm of a sum of alignments",
    ),
    Case(
        fn=jaxloss.soft_dtw_divergence,
        draw=_series,
        structures=SIZES,
        oracle=_soft_dtw_divergence,
        source="enumeration of all alignments",
        hypers={"gamma": 0.25},
        bad_hypers=({"gamma": 0.0}, {"gamma": -1.0}),
        perfect=_equal_series,
        extremes=SERIES,
        cancels="a difference of costs of both signs",
        translates=(("predictions", "targets"),),
    ),
]
