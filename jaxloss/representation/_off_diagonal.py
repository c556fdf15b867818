"""Sums over all pairs of two matched sets but those that belong together, which lie on the diagonal.

The diagonal is left out by the smaller of an entry and the squared distance between its indices, which is 0 there
and, times a large factor, beyond every entry elsewhere. XLA on CPU fuses this into the sum; a comparison it would not.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["log_sum_of_strangers", "sum_of_strangers"]


def _off_diagonal(entries: Array, bound: float) -> Array:
    """``entries`` < ``bound``, and 0 on the diagonal of the last two axes."""
    index = jnp.arange(entries.shape[-1], dtype=entries.dtype)
    limit = bound * jnp.square(index[:, None] - index[None, :])
    return jnp.minimum(entries, jnp.expand_dims(limit, tuple(range(entries.ndim - 2))))


def sum_of_strangers(entries: Array) -> Array:
    """The sum of each row of ``[..., N, N]`` without its diagonal entry; entries are below 1e30."""
    return jnp.sum(_off_diagonal(entries, 1e30), axis=-1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def log_sum_of_strangers(logits: Array, axis: int) -> Array:
    """``log(sum(exp(logits)))`` along ``axis``, -1 or -2, of ``[..., N, N]`` without the diagonal.

    -inf with zero derivatives where nothing is left; entries of -inf are absent.
    """
    peak = jnp.max(logits, axis=axis, keepdims=True, initial=-jnp.inf)
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)
    total = jnp.sum(_off_diagonal(jnp.exp(logits - peak), 4.0), axis=axis)
    return jnp.squeeze(peak, axis) + jnp.log(total)


@log_sum_of_strangers.defjvp
def _log_sum_of_strangers_jvp(axis: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (logits,), (tangent,) = primals, tangents
    value = log_sum_of_strangers(logits, axis)
    level = jnp.expand_dims(jnp.where(jnp.isneginf(value), jnp.zeros((), value.dtype), value), axis)
    # Above 0 is only the diagonal, which may be so far above that its exponential overflows.
    share = _off_diagonal(jnp.exp(jnp.minimum(logits - level, 1)), 4.0)
    return value, jnp.sum(share * tangent, axis=axis)
