"""A field of two coordinates and two values, whose derivatives are known in closed form."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from tests.cases import Inputs, Shape
from tests.draws import Draw

CURVATURE = np.asarray(1.5)
CAST = "the field computes in the dtype of its points"
ROUNDED = "the field is rounded before it meets the targets"
TINY = np.array([[0.0, 0.0], [1e-20, -1e-20]])
CONDITION = ("points", "targets")
LARGE = np.array([[1e8, -1e8]])


def field(params, x):
    return jnp.stack([params * x[0] ** 2, x[0] * x[1]])


def values(x):
    return np.stack([CURVATURE * x[..., 0] ** 2, x[..., 0] * x[..., 1]], axis=-1)


def jacobians(x):
    """``[..., value, coordinate]``"""
    x0, x1 = x[..., 0], x[..., 1]
    return np.stack([np.stack([2 * CURVATURE * x0, 0 * x0], -1), np.stack([x1, x0], -1)], axis=-2)


def slopes_along(x, direction):
    return np.einsum("...kd,...d->...k", jacobians(x), direction)


def points(*names: str) -> Draw:
    """Arrays of two columns: points, normals and targets alike."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {n: rng.normal(size=(*batch, 2)) for n in names}

    return draw


def squares(residuals):
    return np.linalg.norm(residuals, axis=-1) ** 2


def zeros(*names: str):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {n: np.zeros((*batch, 2)) for n in names}

    return draw


def sizes(*names: str) -> dict[str, Inputs]:
    return {"tiny": dict.fromkeys(names, TINY), "large": dict.fromkeys(names, LARGE)}
