"""Cases of `jaxloss.representation.self_supervised.redundancy`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._views import D


def _one_feature(rng, batch):
    return {name: x[..., :1] for name, x in _views(rng, batch).items()}


def _views(rng, batch):
    """Two views that agree in part, of features that differ in scale and are correlated."""
    shared = rng.normal(size=(*batch, D))
    mix = np.array([[0.5, 0.3, 0.0], [0.0, 0.8, 0.4], [0.0, 0.0, 1.2]])
    return {name: (shared + 0.5 * rng.normal(size=(*batch, D))) @ mix + 0.7 for name in ("first", "second")}


def _spread_view(rng, batch):
    """One feature, equal in both views and of large spread."""
    values = 5.0 * np.arange(batch[-1]) + rng.normal(size=batch)
    return {"first": values[..., None], "second": values[..., None].copy()}


def _in_sets(one):
    def oracle(first, second, **hypers):
        batch = first.shape[:-2]
        return np.reshape([one(first[i], second[i], **hypers) for i in np.ndindex(batch)], batch)

    return oracle


def _barlow_twins(a, b, redundancy_weight=0.005):
    correlation = np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :]
    gap = (correlation - np.eye(len(correlation))) ** 2
    return np.trace(gap) + redundancy_weight * (gap.sum() - np.trace(gap))


def _vicreg(a, b, invariance_weight=25.0, variance_weight=25.0, covariance_weight=1.0, epsilon=1e-4):
    total = invariance_weight * np.mean((a - b) ** 2)
    for z in (a, b):
        spread = np.atleast_2d(np.cov(z.T))
        total += variance_weight / 2 * np.mean(np.maximum(0, 1 - np.sqrt(np.diag(spread) + epsilon)))
        total += covariance_weight * (np.sum(spread**2) - np.sum(np.diag(spread) ** 2)) / len(spread)
    return total


VIEWS = {
    "constant": {"first": np.full((4, 2), 0.1), "second": np.full((4, 2), 0.3)},
    "zeros": {"first": np.zeros((3, 2)), "second": np.zeros((3, 2))},
    "one example": {"first": np.ones((1, 2)), "second": np.ones((1, 2))},
    "one feature dead": {"first": np.array([[1.0, 0], [2, 0]]), "second": np.array([[1.0, 3], [2, 4]])},
}

VICREG = {"invariance_weight": 7.0, "variance_weight": 5.0, "covariance_weight": 2.0, "epsilon": 0.01}

CASES = [
    Case(
        fn=jaxloss.barlow_twins_loss,
        draw=_views,
        structures={"one feature": _one_feature},
        oracle=_in_sets(_barlow_twins),
        source="numpy.corrcoef",
        hypers={"redundancy_weight": 0.3},
        ends=({"redundancy_weight": 0.0},),
        pooled=True,
        bad_hypers=({"redundancy_weight": -0.1},),
        perfect=_spread_view,
        ulps=16,  # a square of a correlation, which is a sum of products of both signs
        extremes={**VIEWS, "large": {"first": 1e30 * np.eye(3), "second": -1e30 * np.eye(3)}},
        translates=(("first",), ("second",)),
        exempt={
            "translation_beside_what_stays": "one view is subtracted from the other before its mean, so that nearly equal "
            "views keep their digits"
        },
    ),
    Case(
        fn=jaxloss.vicreg_loss,
        draw=_views,
        structures={"one feature": _one_feature},
        oracle=_in_sets(_vicreg),
        source="numpy.cov",
        hypers=VICREG,
        ends=tuple({**VICREG, name: 0.0} for name in VICREG if name != "epsilon"),
        pooled=True,
        bad_hypers=(
            {"invariance_weight": -1.0},
            {"variance_weight": -1.0},
            {"covariance_weight": -1.0},
            {"epsilon": 0.0},
        ),
        perfect=_spread_view,
        ulps=16,  # a square of a covariance, which is a sum of products of both signs
        exempt={"weight_is_repetition": "the unbiased covariance knows how many examples there are"},
        extremes={**VIEWS, "large": {"first": 1e8 * np.eye(3), "second": -1e8 * np.eye(3)}},
        translates=(("first", "second"),),
    ),
]
