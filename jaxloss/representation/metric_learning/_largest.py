"""The place of the largest number of each row among some of its entries."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array

__all__ = ["largest_of"]


def largest_of(x: Array, among: Array) -> tuple[Array, Array]:
    """The first place of the largest entry ``among`` those of the last axis, or of a NaN; and whether there is any."""
    size = x.shape[-1]  # or a symbol of `jax.export`
    if not isinstance(size, int) or size * float(jnp.finfo(x.dtype).eps) > 1:  # up to there ranks are whole numbers
        return _by_argmax(x, among)
    axes = tuple(dict.fromkeys((*varying_axes(x), *varying_axes(among))))
    return jax.lax.platform_dependent(*vary_over((x, among), axes), cpu=_by_rank, default=_by_argmax)


def _by_argmax(x: Array, among: Array) -> tuple[Array, Array]:
    return jnp.argmax(jnp.where(among, x, -jnp.inf), axis=-1).astype(jnp.int32), jnp.any(among, axis=-1)


def _by_rank(x: Array, among: Array) -> tuple[Array, Array]:
    """By two maxima, which take XLA on CPU less time than one place: of the entries, and of the ranks of the places.

    NaN, which the first maximum may have lost, ranks highest; the first place ranks before the second.
    """
    size = x.shape[-1]
    peak = jnp.max(jnp.where(among, x, -jnp.inf), axis=-1, keepdims=True)
    left = size - jax.lax.broadcasted_iota(x.dtype, x.shape, x.ndim - 1)
    rank = jnp.where(jnp.isnan(x), size + left, jnp.where(x >= peak, left, jnp.zeros((), x.dtype)))
    best = jnp.max(jnp.where(among, rank, jnp.zeros((), x.dtype)), axis=-1).astype(jnp.int32)
    return jnp.where(best > 0, -best % size, 0), best > 0
