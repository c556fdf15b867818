"""Cases of initial conditions."""

from __future__ import annotations

import jaxloss
from tests.cases import Case
from tests.cases.physics._shared import (
    CAST,
    CONDITION,
    CURVATURE,
    ROUNDED,
    field,
    jacobians,
    points,
    sizes,
    squares,
    values,
    zeros,
)


def _initial(points, targets, time=-1, order=0):
    if order == 0:
        return squares(values(points) - targets)
    return squares(jacobians(points)[..., time] - targets)


CASES = [
    Case(
        fn=jaxloss.initial_condition_loss,
        draw=points(*CONDITION),
        oracle=_initial,
        source="a quadratic field and its slopes in closed form",
        leading=(field, CURVATURE),
        hypers={"time": 0, "order": 1},
        static=("time", "order"),
        bad_hypers=({"order": -1},),
        perfect=zeros(*CONDITION),
        cancels=ROUNDED,
        extremes=sizes(*CONDITION),
        exempt={"half_precision": CAST},
    ),
]
