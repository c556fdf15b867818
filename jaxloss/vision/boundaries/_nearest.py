"""The exact Euclidean distance of every pixel to the nearest one of a set."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["distance_to", "distance_to_edge", "pixel_spacing"]

UNROLLED = 4
"""Lines per round of a loop: fewer rounds for a GPU to start, and still one pass over the image in each."""


def pixel_spacing(spacing: Scalar | ArrayLike, pixel_ndim: int, dtype: Any) -> Array:
    """The distance of neighbours along each axis of pixels, ``[pixel_ndim]``, a constant of differentiation."""
    if np.ndim(spacing):
        (array,) = checks.numeric(spacing=spacing)
        checks.has_shape((pixel_ndim,), "one number per axis of pixels, or one for all", spacing=array)
        known = not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(spacing))
        if known and not np.all(np.asarray(spacing) > 0):
            raise ValueError(f"spacing must be > 0; found {np.asarray(spacing).tolist()}.")
    else:
        array = jnp.asarray(checks.scalar("spacing", spacing, dtype, above=0), dtype)
    return jax.lax.stop_gradient(jnp.broadcast_to(array.astype(dtype), (pixel_ndim,)))


@functools.partial(jax.jit, static_argnames="pixel_ndim")
def distance_to(members: Array, spacing: Array, pixel_ndim: int) -> Array:
    """The distance of every pixel to the nearest of ``members`` ``[..., *pixels]``, infinite if there are none.

    The squared distance is a sum over the axes, so that its minimum is taken along one after the other. In units of
    the largest spacing the squares are whole numbers, and exact, where the pixels are cubes.
    """
    unit = jnp.max(spacing)
    sides = spacing / unit
    squares = jnp.square(_steps_to(members, spacing.dtype) * sides[-1])
    for k in range(pixel_ndim - 1):
        squares = _least_along(squares, squares.ndim - pixel_ndim + k, sides[k])
    return jnp.sqrt(squares) * unit


def _steps_to(members: Array, dtype: Any) -> Array:
    """The number of steps along the last axis to the nearest of ``members``, infinite if there are none."""
    places = jax.lax.broadcasted_iota(dtype, members.shape, members.ndim - 1)
    before = jax.lax.cummax(jnp.where(members, places, -jnp.inf), members.ndim - 1)
    after = jax.lax.cummin(jnp.where(members, places, jnp.inf), members.ndim - 1, reverse=True)
    return jnp.minimum(places - before, after - places)


def _least_along(squares: Array, axis: int, side: Array) -> Array:
    """``min_j (f_j + side**2 (i - j)**2)`` along an axis: in a loop over j, which stores no table of pairs."""
    size = squares.shape[axis]
    places = jax.lax.broadcasted_iota(squares.dtype, squares.shape, axis)

    def block(k: Array, least: Array) -> Array:
        for step in range(UNROLLED):
            j = jnp.minimum(UNROLLED * k + step, size - 1)
            line = jax.lax.dynamic_slice_in_dim(squares, j, 1, axis)
            away = jnp.square((places - j.astype(squares.dtype)) * side)
            least = jnp.minimum(least, line + away)
        return least

    return jax.lax.fori_loop(0, (size + UNROLLED - 1) // UNROLLED, block, squares)


def distance_to_edge(inside: Array, exists: Array | None, spacing: Array, pixel_ndim: int) -> Array:
    """The distance of every pixel to the nearest on the other side of the edge of a mask, 0 if the mask has none."""
    parts = jnp.stack([inside, ~inside])
    parts = parts if exists is None else parts & exists[None]
    axes = tuple(range(parts.ndim - pixel_ndim, parts.ndim))
    has_edge = jnp.all(jnp.any(parts, axes, keepdims=True), axis=0)
    to_inside, to_outside = distance_to(parts, spacing, pixel_ndim)
    return jnp.where(has_edge, jnp.where(inside, to_outside, to_inside), jnp.zeros((), spacing.dtype))
