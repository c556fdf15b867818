"""Cases of weak forms of differential equations."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.physics._shared import CAST, CURVATURE, LARGE, TINY, points


def _integrand(params, x):
    """The slopes of a field along those of two test functions, less a source times these."""
    u = lambda params, x: params * x[0] ** 2 * x[1]
    slope = jaxloss.fields.gradient(u)(params, x)
    return jnp.stack([slope[0] - x[0] * x[1], slope[0] * x[1] + slope[1] * x[0]])


def _weak(points):
    """Their means over the points, which are the last axis but one."""
    x, y = points[..., 0], points[..., 1]
    first = np.mean(2 * CURVATURE * x * y - x * y, axis=-1)
    second = np.mean(2 * CURVATURE * x * y**2 + CURVATURE * x**3, axis=-1)
    return (first**2 + second**2) / 2


CASES = [
    Case(
        fn=jaxloss.weak_form_loss,
        draw=points("points"),
        oracle=_weak,
        source="the slopes of a cubic field in closed form, averaged over the points",
        leading=(_integrand, CURVATURE),
        pooled=True,
        single="a rule of quadrature may have one point",
        perfect=lambda rng, batch: {"points": np.zeros((*batch, 2))},
        cancels="an integral is a sum of terms of either sign",
        extremes={"tiny": {"points": TINY}, "large": {"points": 1e-3 * LARGE}},
        exempt={
            "half_precision": CAST,
            "says_where_its_examples_are": "a pool is the points of one element",
        },
    ),
]
