"""Cases of what is known of a function's derivatives."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.physics._shared import (
    CAST,
    CURVATURE,
    LARGE,
    ROUNDED,
    TINY,
    field,
    jacobians,
    points,
    slopes_along,
    squares,
    values,
)

DIRECTED = ("points", "directions")


def _known(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        **points("points", "targets")(rng, batch),
        "target_gradients": rng.normal(size=(*batch, 2, 2)),
    }


def _sobolev(points, targets, target_gradients, gradient_weight=1.0):
    bends = jacobians(points) - target_gradients
    return squares(values(points) - targets) + gradient_weight * np.linalg.norm(bends, axis=(-2, -1)) ** 2


def _zeros(rng: np.random.Generator, batch: Shape) -> Inputs:
    flat = np.zeros((*batch, 2))
    return {"points": flat, "targets": flat.copy(), "target_gradients": np.zeros((*batch, 2, 2))}


def _cubic(params, x):
    return jnp.stack([params * x[0] ** 3 - x[0] * x[1] ** 2, x[0] * x[1]])


def _falls(points, directions):
    return squares(np.minimum(slopes_along(points, directions), 0))


def _bends(points, directions):
    """The two Hessians of the cubic field between a direction and itself."""
    x, y = points[..., 0], points[..., 1]
    v, w = directions[..., 0], directions[..., 1]
    first = 6 * CURVATURE * x * v**2 - 4 * y * v * w - 2 * x * w**2
    return squares(np.minimum(np.stack([first, 2 * v * w], axis=-1), 0))


def _rising(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Points of the first quadrant, from which both entries of the field rise."""
    return {n: np.abs(rng.normal(size=(*batch, 2))) for n in DIRECTED}


def _convex(rng: np.random.Generator, batch: Shape) -> Inputs:
    """On the right both Hessians are positive along the first coordinate, the second being 0."""
    drawn = _rising(rng, batch)
    return {**drawn, "directions": drawn["directions"] * np.array([1.0, 0.0])}


CASES = [
    Case(
        fn=jaxloss.sobolev_loss,
        draw=_known,
        oracle=_sobolev,
        source="Czarnecki et al. (2017), with the values and slopes of a quadratic field in closed form",
        leading=(field, CURVATURE),
        hypers={"gradient_weight": 0.5},
        ends=({"gradient_weight": 0.0},),
        bad_hypers=({"gradient_weight": -1.0},),
        perfect=_zeros,
        cancels=ROUNDED,
        extremes={
            "tiny": {"points": TINY, "targets": TINY, "target_gradients": np.stack([TINY, TINY], axis=-1)},
            "large": {"points": LARGE, "targets": LARGE, "target_gradients": np.stack([LARGE, LARGE], axis=-1)},
        },
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=jaxloss.monotonicity_penalty,
        draw=points(*DIRECTED),
        oracle=_falls,
        source="the slopes of a quadratic field in closed form",
        leading=(field, CURVATURE),
        perfect=_rising,
        cancels="a slope along a direction is a sum of terms of either sign",
        extremes={"tiny": dict.fromkeys(DIRECTED, TINY), "large": {"points": LARGE, "directions": -LARGE}},
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=jaxloss.convexity_penalty,
        draw=points(*DIRECTED),
        oracle=_bends,
        source="the Hessians of a cubic field in closed form",
        leading=(_cubic, CURVATURE),
        perfect=_convex,
        cancels="a curvature along a direction is a sum of terms of either sign",
        extremes={
            "tiny": dict.fromkeys(DIRECTED, TINY),
            "large": {"points": 1e-3 * LARGE, "directions": -1e-3 * LARGE},
        },
        exempt={"half_precision": CAST},
    ),
]
