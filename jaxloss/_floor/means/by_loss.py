"""Examples sorted by their loss, and how much of each counts: for the reductions and the combinator layer."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array, Scalar

__all__ = ["top_count", "top_weight", "without_top_weight", "worst_first"]


def worst_first(values: Array, weights: Array) -> Array:
    """The flat indices of the examples by decreasing loss. NaN counts as infinity; examples of weight 0 are last.

    Equal losses keep their order.
    """
    key = jax.lax.stop_gradient(jnp.where(jnp.isnan(values), jnp.inf, values))
    return jnp.argsort(-jnp.ravel(jnp.where(weights > 0, key, -jnp.inf)))


def top_count(weights: Array, share: Scalar) -> Array:
    """Keep the weights of the first ``share`` of the examples, rounded up; 0 elsewhere. Worst examples come first."""
    kept = jnp.ceil(share * jnp.sum(weights > 0).astype(weights.dtype))
    rank = jnp.arange(weights.size, dtype=jnp.int32).astype(weights.dtype)
    return jnp.where(rank < kept, weights, jnp.zeros((), weights.dtype))


def top_weight(weights: Array, share: Scalar) -> Array:
    """Keep the first ``share`` of the total weight, the last example in part. Worst examples come first."""
    before = jnp.cumsum(weights) - weights
    return jnp.clip(share * jnp.sum(weights) - before, 0, weights)


def without_top_weight(weights: Array, share: Scalar) -> Array:
    """Drop the first ``share`` of the total weight. Worst examples come first."""
    return jnp.clip(jnp.cumsum(weights) - share * jnp.sum(weights), 0, weights)
