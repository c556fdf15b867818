"""Differences between directions."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths.rows.directions import half_squared_chord
from jaxloss._floor.typing import Array

__all__ = ["squared_chord"]


def squared_chord(x: Array, y: Array) -> Array:
    """``|x / |x| - y / |y||^2`` over the last axis, where a zero vector stays one: 1, flat, beside any other vector.

    Exactly 0 with zero slope for equal vectors.
    """
    none, other_none = (jnp.max(jnp.abs(z), axis=-1, initial=0) == 0 for z in (x, y))
    # The chord of a zero vector is half of 2, or of nothing.
    half = jnp.where(none & other_none, 0.0, jnp.where(none | other_none, 0.5, 1.0)).astype(x.dtype)
    return half * (2 * half_squared_chord(x, y))
