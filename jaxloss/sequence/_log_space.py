"""Dynamic programmes over logarithms: what the losses of this family share.

Probability 0 is -inf here, with zero derivatives, and stays out of those of everything else. Numbers are kept near
0 by taking the largest of each step out, so that derivatives stay accurate however long the sequence is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.softmax.terms import below_largest
from jaxloss._floor.typing import Array

__all__ = ["before", "log_probs_at", "log_sum", "pick", "renormalise", "skew", "start_of"]


def before(lengths: Array, size: int) -> Array:
    """Which of the positions ``[..., size]`` lie before ``lengths [...]``."""
    return jax.lax.broadcasted_iota(jnp.int32, (*lengths.shape, size), lengths.ndim) < lengths[..., None]


def _finite(peak: Array) -> Array:
    return jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)


@jax.custom_jvp
def log_sum(*terms: Array) -> Array:
    """``log(sum(exp(terms)))``, elementwise; -inf with zero derivatives where all terms are.

    What the smaller terms add to the largest goes through ``log1p``: sums near 1 keep their relative accuracy.
    """
    peak, *others = terms
    for k, term in enumerate(others):
        peak, others[k] = jnp.maximum(peak, term), jnp.minimum(peak, term)
    return peak + jnp.log1p(sum(jnp.exp(term - _finite(peak)) for term in others))


@log_sum.defjvp
def _log_sum_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    value = log_sum(*primals)
    slopes = (jnp.exp(x - _finite(value)) * tangent for x, tangent in zip(primals, tangents, strict=True))
    return value, sum(slopes, jnp.zeros_like(value))


def pick(place: Array, state: Array) -> Array:
    """The entry of the last axis at the one place that is True; -inf if there is none."""
    return jnp.max(jnp.where(place, state, -jnp.inf), axis=-1)


def renormalise(total: Array, state: Array) -> tuple[Array, Array]:
    """The largest of the ``state`` moved into ``total``: a constant, so that no derivative sees the move."""
    peak = _finite(jax.lax.stop_gradient(jnp.max(state, axis=-1)))
    return total + peak, state - peak[..., None]


def start_of(like: Array) -> tuple[Array, Array]:
    """The total and the state before the first step: certainly in the first place. ``like`` has no +inf."""
    place = jax.lax.broadcasted_iota(jnp.int32, like.shape, like.ndim - 1)
    # Made from the data: inside shard_map it then varies over the axes that the data vary over.
    nothing = 0 * jnp.maximum(jax.lax.stop_gradient(like), -1)
    return nothing[..., 0], jnp.where(place == 0, nothing, -jnp.inf)


@jax.checkpoint
def log_probs_at(logits: Array, labels: Array) -> Array:
    """Log-softmax of ``logits [..., K]`` at ``labels [..., N]``; NaN if the largest logit is not finite.

    The logarithm of the normaliser is taken relative to the largest logit with ``log1p``, so that a nearly certain
    label keeps its relative accuracy. The backward pass computes the probabilities anew instead of keeping them.
    """
    below, largest = below_largest(logits)
    others = jnp.where(largest, jnp.zeros((), below.dtype), jnp.exp(below))
    spread = jnp.log1p(jnp.sum(others, axis=-1, keepdims=True))
    return jnp.take_along_axis(below, labels, axis=-1, mode="promise_in_bounds") - spread


def skew(grid: Array, fill: float) -> Array:
    """Anti-diagonals of ``grid [..., T, U]`` as rows ``[T + U - 1, ..., U]``: entry ``(d, u)`` is ``(d - u, u)``.

    What lies outside the grid is ``fill``.
    """
    *batch, rows, columns = grid.shape
    flat = jnp.pad(jnp.swapaxes(grid, -1, -2), [(0, 0)] * (len(batch) + 1) + [(0, columns)], constant_values=fill)
    flat = jnp.reshape(flat, (*batch, columns * (rows + columns)))[..., : columns * (rows + columns - 1)]
    return jnp.moveaxis(jnp.reshape(flat, (*batch, columns, rows + columns - 1)), -1, 0)
