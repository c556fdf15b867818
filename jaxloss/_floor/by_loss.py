"""Which examples are the worst, and how much of each counts: shared by the reductions and the combinator layer."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array, Scalar

__all__ = ["top_count", "top_weight", "without_top_weight", "worst_first"]


def worst_first(values: Array, weights: Array) -> Array:
    """The flat positions of the examples, the largest loss first (NaN as infinity), those of weight 0 last.

    Equal losses keep their order.
    """
    key = jax.lax.stop_gradient(jnp.where(jnp.isnan(values), jnp.inf, values))
    return jnp.argsort(-jnp.ravel(jnp.where(weights > 0, key, -jnp.inf)))


def top_count(weights: Array, share: Scalar) -> Array:
    """Of weights that are sorted worst first: those of the first ``share`` of the examples, rounded up; 0 elsewhere."""
    kept = jnp.ceil(share * jnp.sum(weights > 0).astype(weights.dtype))
    rank = jnp.arange(weights.size, dtype=jnp.int32).astype(weights.dtype)
    return jnp.where(rank < kept, weights, jnp.zeros((), weights.dtype))


def top_weight(weights: Array, share: Scalar) -> Array:
    """Of weights that are sorted worst first: the first ``share`` of the weight, the last example in part."""
    before = jnp.cumsum(weights) - weights
    return jnp.clip(share * jnp.sum(weights) - before, 0, weights)


def without_top_weight(weights: Array, share: Scalar) -> Array:
    """Of weights that are sorted worst first: all but the first ``share`` of the weight."""
    return jnp.clip(jnp.cumsum(weights) - share * jnp.sum(weights), 0, weights)
