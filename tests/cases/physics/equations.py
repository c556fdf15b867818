"""Cases of the residuals of differential equations."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.physics._shared import CAST, CURVATURE, LARGE, TINY, points


def _cubic(params, x):
    return params * x[0] ** 3 * x[1]


def _residual(params, x):
    """The Laplacian of a cubic field, and a second equation."""
    return jnp.stack([jaxloss.fields.laplacian(_cubic)(params, x), 3 * x[1]])


CASES = [
    Case(
        fn=jaxloss.pde_residual_loss,
        draw=points("points"),
        oracle=lambda points: (6 * CURVATURE * points[..., 0] * points[..., 1]) ** 2 + (3 * points[..., 1]) ** 2,
        source="the Laplacian of a cubic field in closed form",
        leading=(_residual, CURVATURE),
        perfect=lambda rng, batch: {"points": np.zeros((*batch, 2))},
        extremes={"tiny": {"points": TINY}, "large": {"points": LARGE}},
        exempt={"half_precision": CAST},
    ),
]
