"""Differences of neighbours along an axis, which edges, smoothness and the energies of deformations are made of."""

from __future__ import annotations

import jax

from jaxloss._floor.maths.numerics import difference
from jaxloss._floor.typing import Array

__all__ = ["neighbours", "steps"]


def neighbours(x: Array, axis: int) -> tuple[Array, Array]:
    """Every entry that has a successor along ``axis``, and that successor."""
    size, axis = x.shape[axis], axis % x.ndim
    return jax.lax.slice_in_dim(x, 0, size - 1, axis=axis), jax.lax.slice_in_dim(x, 1, size, axis=axis)


def steps(x: Array, axis: int) -> Array:
    """Successor less entry along ``axis``: exactly 0 where they are equal."""
    entry, successor = neighbours(x, axis)
    return difference(successor, entry)
