"""Cases of `jaxloss.regression.absolute`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases._packages import sklearn_metric
from tests.cases.regression._shared import EDGES, LARGE


def _berhu(predictions: np.ndarray, targets: np.ndarray, threshold: float = 1.0) -> np.ndarray:
    distance = np.abs(predictions - targets)
    return np.where(distance <= threshold, distance, (distance**2 + threshold**2) / (2 * threshold))


CASES = [
    Case(
        fn=jaxloss.absolute_error,
        draw=draws.pair(),
        oracle=lambda predictions, targets: np.vectorize(
            lambda p, t: sklearn_metric("mean_absolute_error")([t], [p]), otypes=[float]
        )(predictions, targets),
        source="sklearn.metrics.mean_absolute_error",
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.epsilon_insensitive_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, half_width=0.1: np.maximum(0, np.abs(predictions - targets) - half_width),
        source="formula",
        hypers={"half_width": 0.5},
        bad_hypers=({"half_width": -0.1},),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        cancels="errors just outside of the tube are a difference of the error and its half-width",
        ends=({"half_width": 0.0},),
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.berhu_loss,
        draw=draws.pair(),
        oracle=_berhu,
        source="Laina et al. (2016), equation 2",
        hypers={"threshold": 1.75},
        bad_hypers=({"threshold": 0.0}, {"threshold": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"large": LARGE},
        translates=(("predictions", "targets"),),
    ),
]
