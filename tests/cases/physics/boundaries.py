"""Cases of boundary conditions."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.physics._shared import (
    CAST,
    CONDITION,
    CURVATURE,
    LARGE,
    ROUNDED,
    TINY,
    field,
    jacobians,
    points,
    sizes,
    slopes_along,
    squares,
    values,
    zeros,
)


def _robin(points, normals, targets, value_factor=1.0, slope_factor=1.0):
    return squares(value_factor * values(points) + slope_factor * slopes_along(points, normals) - targets)


def _direction(points, opposite_points):
    step = opposite_points - points
    return step / np.linalg.norm(step, axis=-1, keepdims=True)


def _periodic(points, opposite_points, order=0):
    result = squares(values(points) - values(opposite_points))
    if order:
        direction = _direction(points, opposite_points)
        result = result + squares(slopes_along(points, direction) - slopes_along(opposite_points, direction))
    return result


def _periodic_slopes(points, opposite_points, order=0):
    """The gradient at a direction that does not move with the points."""
    gap = values(points) - values(opposite_points)
    pulls = [2 * np.einsum("...k,...kd->...d", gap, jacobians(x)) for x in (points, opposite_points)]
    if order:
        direction = _direction(points, opposite_points)
        gap = slopes_along(points, direction) - slopes_along(opposite_points, direction)
        first, second = direction[..., 0], direction[..., 1]
        bends = np.stack([np.stack([2 * CURVATURE * first, 0 * first], -1), np.stack([second, first], -1)], axis=-2)
        pulls = [pull + 2 * np.einsum("...k,...kd->...d", gap, bends) for pull in pulls]
    return {"points": pulls[0], "opposite_points": -pulls[1]}


ACROSS, PERIOD = ("points", "normals", "targets"), ("points", "opposite_points")

CASES = [
    Case(
        fn=jaxloss.dirichlet_boundary_loss,
        draw=points(*CONDITION),
        oracle=lambda points, targets: squares(values(points) - targets),
        source="a quadratic field in closed form",
        leading=(field, CURVATURE),
        perfect=zeros(*CONDITION),
        cancels=ROUNDED,
        extremes=sizes(*CONDITION),
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=jaxloss.neumann_boundary_loss,
        draw=points(*ACROSS),
        oracle=lambda points, normals, targets: squares(slopes_along(points, normals) - targets),
        source="the slopes of a quadratic field in closed form",
        leading=(field, CURVATURE),
        perfect=zeros(*ACROSS),
        cancels=ROUNDED,
        extremes=sizes(*ACROSS),
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=jaxloss.robin_boundary_loss,
        draw=points(*ACROSS),
        oracle=_robin,
        source="the values and slopes of a quadratic field in closed form",
        leading=(field, CURVATURE),
        hypers={"value_factor": 2.0, "slope_factor": -0.5},
        ends=({"value_factor": 0.0, "slope_factor": -0.5}, {"value_factor": 2.0, "slope_factor": 0.0}),
        perfect=zeros(*ACROSS),
        cancels=ROUNDED,
        extremes=sizes(*ACROSS),
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=jaxloss.periodic_boundary_loss,
        draw=points(*PERIOD),
        oracle=_periodic,
        source="the values and slopes of a quadratic field in closed form",
        leading=(field, CURVATURE),
        hypers={"order": 1},
        static=("order",),
        bad_hypers=({"order": -1},),
        slopes=_periodic_slopes,
        cancels=ROUNDED,
        extremes={"one point": dict.fromkeys(PERIOD, TINY), "far": {"points": LARGE, "opposite_points": -LARGE}},
        exempt={
            "derivatives": "the direction of the period is a constant: it does not move with the points",
            "half_precision": CAST,
        },
    ),
]
