"""The continuous ranked probability score of a normal distribution, from the error of its mean and its scale."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.typing import Array

__all__ = ["gaussian_score"]


def _slopes(error: Array, scale: Array) -> tuple[Array, Array]:
    z = quotient(error, scale)
    density = math.sqrt(2 / math.pi) * jnp.exp(-0.5 * jnp.square(z)) - 1 / math.sqrt(math.pi)
    return jax.lax.erf(z * math.sqrt(0.5)), density


@jax.custom_jvp
def gaussian_score(error: Array, scale: Array) -> Array:
    """The mean distance of the target from a draw, less half the mean distance of two draws."""
    # Homogeneous of degree 1, so it is made of its own slopes (Euler).
    by_error, by_scale = _slopes(error, scale)
    return error * by_error + scale * by_scale


@gaussian_score.defjvp
def _gaussian_score_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    by_error, by_scale = _slopes(*primals)
    return gaussian_score(*primals), by_error * tangents[0] + by_scale * tangents[1]
