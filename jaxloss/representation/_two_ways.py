"""Log-sums over the rows and over the columns of the products of two sets, from products made once, in chunks of rows.

The sum of a row is complete with its chunk. That of a column is carried from chunk to chunk beside its largest
exponent. Two passes, one for each direction, would make all products twice.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.chunks import fold_rows
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array
from jaxloss.representation._groups import present, similarities
from jaxloss.representation._off_diagonal import (
    level_of,
    log_of_total,
    log_sum_of_strangers,
    slope_of_log_sum,
    total_of_strangers,
)

__all__ = ["log_sums_both_ways"]


def log_sums_both_ways(x: Array, y: Array, keep: Array | None, chunk: int) -> tuple[Array, Array]:
    """`log_sum_of_strangers` of the rows and of the columns of the products of ``x`` and ``y``, both ``[..., N]``.

    Args:
        x, y: Shape ``[..., N, D]``.
        keep: Which rows of both are kept, ``[..., N]``; None if all are.
        chunk: Rows of ``x`` per chunk, static.
    """
    return _log_sums(chunk, x, y, keep)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _log_sums(chunk: int, x: Array, y: Array, keep: Array | None) -> tuple[Array, Array]:
    def block(carry: tuple[Array, Array], rows: Any, first: Array) -> tuple[tuple[Array, Array], Array]:
        (before, total), (x, kept) = carry, rows
        logits = present(similarities(x, y), kept, keep)
        peak = jnp.maximum(before, jnp.max(jax.lax.stop_gradient(logits), axis=-2))
        level, place = level_of(peak), first.astype(logits.dtype)
        total = total * jnp.exp(before - level) + total_of_strangers(logits, level, place, -2)
        return (peak, total), log_sum_of_strangers(logits, first)

    start = [_filled(fill, y.shape[:-1], x, y) for fill in (-jnp.inf, 0)]
    (peak, total), there = fold_rows(block, chunk, (x, keep), x.ndim - 2, tuple(start))
    return there, log_of_total(level_of(peak), total)


@_log_sums.defjvp
def _log_sums_jvp(
    chunk: int, primals: tuple[Array, Array, Any], tangents: tuple[Array, Array, Any]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (x, y, keep), (x_dot, y_dot, _) = primals, tangents
    there, back = _log_sums(chunk, x, y, keep)

    def block(total: Array, rows: Any, first: Array) -> tuple[Array, Array]:
        x, x_dot, there, kept = rows
        logits = present(similarities(x, y), kept, keep)
        tangent, place = similarities(x_dot, y) + similarities(x, y_dot), first.astype(logits.dtype)
        total = total + slope_of_log_sum(logits, back, tangent, place, -2)
        return total, slope_of_log_sum(logits, there, tangent, place, -1)

    start = _filled(0, back.shape, x, y, x_dot, y_dot)
    back_dot, there_dot = fold_rows(block, chunk, (x, x_dot, there, keep), x.ndim - 2, start)
    return (there, back), (there_dot, back_dot)


def _filled(fill: float, shape: tuple[int, ...], *like: Array) -> Array:
    """The start of a sum over rows, typed as differing over the devices that ``like`` differs over."""
    axes = {axis for array in like for axis in varying_axes(array)}
    return vary_over(jnp.full(shape, fill, like[0].dtype), tuple(sorted(axes)))
