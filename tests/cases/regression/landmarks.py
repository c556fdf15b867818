"""Cases of `jaxloss.regression.landmarks`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.regression._shared import EDGES


def _wing(predictions, targets, width=10.0, curvature=2.0):
    error = np.abs(predictions - targets)
    offset = width - width * np.log(1 + width / curvature)
    return np.where(error < width, width * np.log(1 + error / curvature), error - offset)


CASES = [
    Case(
        fn=jaxloss.wing_loss,
        draw=draws.pair(),
        oracle=_wing,
        source="Feng et al. (2018), equation 5",
        hypers={"width": 1.75, "curvature": 0.5},
        bad_hypers=({"width": 0.0}, {"width": -1.0}, {"curvature": 0.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
]
