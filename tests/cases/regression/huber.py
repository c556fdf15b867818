"""Cases of `jaxloss.regression.huber`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.regression._shared import EDGES


def _smooth_l1(predictions: np.ndarray, targets: np.ndarray, beta: float = 1.0) -> np.ndarray:
    return scipy.special.huber(beta, predictions - targets) / beta if beta else np.abs(predictions - targets)


CASES = [
    Case(
        fn=jaxloss.huber_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, delta=1.0: scipy.special.huber(delta, predictions - targets),
        source="scipy.special.huber",
        hypers={"delta": 1.75},
        bad_hypers=({"delta": 0.0}, {"delta": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.smooth_l1_loss,
        draw=draws.pair(),
        oracle=_smooth_l1,
        source="scipy.special.huber over its threshold",
        hypers={"beta": 1.75},
        bad_hypers=({"beta": -1.0},),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        ends=({"beta": 0.0},),
        translates=(("predictions", "targets"),),
    ),
]
