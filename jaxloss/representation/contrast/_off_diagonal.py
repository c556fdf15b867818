"""Sums over all pairs of two matched sets but those that belong together, which lie on a diagonal.

On one device it is the main one. Where the rows are those of one device of several it starts further to the right.

The diagonal is left out by the smaller of an entry and the squared distance between its indices, which is 0 there
and, times a large factor, beyond every entry elsewhere. XLA on CPU fuses this into the sum; a comparison it would not.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.representation._groups import Crowd, gathered

__all__ = [
    "level_of",
    "log_of_total",
    "log_sum_of_strangers",
    "log_sum_over_strangers",
    "slope_of_log_sum",
    "sum_of_strangers",
    "total_of_strangers",
]


def _off_diagonal(entries: Array, first: Array | int, bound: float) -> Array:
    """``entries`` < ``bound``, and 0 where the column of ``[..., N, M]`` is the row counted from ``first``."""
    rows, columns = (jnp.arange(size, dtype=entries.dtype) for size in entries.shape[-2:])
    rows = rows + jnp.asarray(first, entries.dtype)
    limit = bound * jnp.square(rows[:, None] - columns[None, :])
    return jnp.minimum(entries, jnp.expand_dims(limit, tuple(range(entries.ndim - 2))))


def sum_of_strangers(entries: Array, first: Array | int = 0) -> Array:
    """The sum of each row of ``[..., N, M]`` without the entry that belongs to it; entries are below 1e30."""
    return jnp.sum(_off_diagonal(entries, first, 1e30), axis=-1)


def log_sum_of_strangers(logits: Array, first: Array | int = 0, axis: int = -1) -> Array:
    """``log(sum(exp(logits)))`` along ``axis``, -1 or -2, of ``[..., N, M]`` without the entry that belongs to it.

    -inf with zero derivatives where nothing is left; entries of -inf are absent.
    """
    return _log_sum_of_strangers(logits, jnp.asarray(first, logits.dtype), axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _log_sum_of_strangers(logits: Array, first: Array, axis: int) -> Array:
    level = level_of(jnp.max(jax.lax.stop_gradient(logits), axis=axis, initial=-jnp.inf))
    return log_of_total(level, total_of_strangers(logits, level, first, axis))


@_log_sum_of_strangers.defjvp
def _log_sum_of_strangers_jvp(
    axis: int, primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    (logits, first), (tangent, _) = primals, tangents
    value = _log_sum_of_strangers(logits, first, axis)
    return value, slope_of_log_sum(logits, value, tangent, first, axis)


def log_sum_over_strangers(x: Array, y: Array, crowd: Crowd) -> Array:
    """`log_sum_of_strangers` of the inner products of the rows of ``x`` here and of ``y`` everywhere."""
    shares = crowd.shares(log_sum_of_strangers, x, y)
    return shares[..., 0] if shares.shape[-1] == 1 else gathered(shares, ~jnp.isneginf(shares))


def level_of(peak: Array) -> Array:
    """What to subtract from logits of which the largest is ``peak``: 0 if all of them are absent."""
    return jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)


def total_of_strangers(logits: Array, level: Array, first: Array | int, axis: int) -> Array:
    """``sum(exp(logits - level))`` along ``axis`` without the entry that belongs to it."""
    return jnp.sum(_off_diagonal(jnp.exp(logits - jnp.expand_dims(level, axis)), first, 4.0), axis=axis)


def log_of_total(level: Array, total: Array) -> Array:
    """``level + log(total)``; -inf with zero derivatives for no total, also where JAX forgets the rules above."""
    absent = total == 0
    return jnp.where(absent, -jnp.inf, level + jnp.log(jnp.where(absent, jnp.ones((), total.dtype), total)))


def slope_of_log_sum(logits: Array, value: Array, tangent: Array, first: Array | int, axis: int) -> Array:
    """The tangent of a log-sum ``value`` of strangers along ``axis`` from the ``tangent`` of the logits."""
    # Above 0 is only the diagonal, which may be so far above that its exponential overflows.
    exponents = jnp.minimum(logits - jnp.expand_dims(level_of(value), axis), 1)
    return jnp.sum(_off_diagonal(jnp.exp(exponents), first, 4.0) * tangent, axis=axis)
