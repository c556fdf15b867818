"""Cases of group fairness."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _grouped(groups: int) -> Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        drawn = rng.integers(0, groups, size=batch).astype(np.int32)
        return {"predictions": rng.uniform(size=batch), "groups": drawn}

    return draw


def _parity(predictions, groups, num_groups=2):
    """The variance of the group means around the mean of all, for the groups that occur."""
    values = np.zeros(predictions.shape[:-1])
    for i in np.ndindex(values.shape):
        p, g = predictions[i], groups[i]
        gaps = [p[g == k].mean() - p.mean() for k in range(num_groups) if (g == k).any()]
        values[i] = np.mean(np.square(gaps))
    return values


def _covariance(scores, attributes):
    values = np.zeros(scores.shape[:-1])
    for i in np.ndindex(values.shape):
        values[i] = np.cov(scores[i], attributes[i], bias=True)[0, 1] ** 2
    return values


def _alike(rng: np.random.Generator, batch: Shape) -> Inputs:
    one = np.broadcast_to(rng.uniform(size=(*batch[:-1], 1)), batch).copy()
    return {**_grouped(3)(rng, batch), "predictions": one}


def _two(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


CASES = [
    Case(
        fn=jaxloss.demographic_parity_penalty,
        draw=_grouped(2),
        structures={"one group": _grouped(1)},
        oracle=_parity,
        source="numpy.mean, group by group",
        hypers={"num_groups": 3},
        static=("num_groups",),
        ends=({"num_groups": 2},),
        bad_hypers=({"num_groups": 0},),
        pooled=True,
        labels="groups",
        classes=lambda _: 3,
        perfect=lambda rng, batch: {**_alike(rng, batch), "groups": rng.integers(0, 2, size=batch).astype(np.int32)},
        convex=True,
        cancels="a mean of all is subtracted from that of a group",
        extremes={
            "one group": {"predictions": np.array([0.0, 1.0, 0.5]), "groups": _two(1, 1, 1)},
            "apart": {"predictions": np.array([1.0, 0.0]), "groups": _two(0, 1)},
            "any size": {"predictions": np.array([1e18, -1e18, 1e-30]), "groups": _two(0, 1, 0)},
        },
        translates=(("predictions",),),
    ),
    Case(
        fn=jaxloss.attribute_covariance_penalty,
        draw=draws.pair("scores", "attributes"),
        oracle=_covariance,
        source="numpy.cov",
        pooled=True,
        perfect=lambda rng, batch: {
            "scores": np.broadcast_to(rng.normal(size=(*batch[:-1], 1)), batch).copy(),
            "attributes": rng.normal(size=batch),
        },
        convex=True,
        cancels="products of either sign add up to a covariance",
        extremes={
            "constant": {"scores": np.ones(3), "attributes": np.array([0.0, 1.0, 1.0])},
            "equal": {"scores": np.array([0.0, 1.0]), "attributes": np.array([0.0, 1.0])},
            "any size": {"scores": np.array([1e9, -1e9, 1e-30]), "attributes": np.array([1e9, 1e-30, 0.0])},
        },
        translates=(("scores",), ("attributes",)),
    ),
]
