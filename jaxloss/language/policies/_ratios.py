"""Probability ratios of sampled tokens, as logarithms until the last step."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array, Scalar

__all__ = ["clipped_log_ratio", "times_exp"]


def times_exp(factor: Scalar | Array, x: Array) -> Array:
    """``factor * exp(x)``, infinite only where the product is: ``exp(90)`` is not a float32, 0.04 times it is."""
    late = jax.lax.stop_gradient(jnp.clip(x - 64, 0, 64))
    return factor * jnp.exp(x - late) * jnp.exp(late)


def clipped_log_ratio(
    log_ratio: Array, advantages: Array, low: Scalar | Array, high: Scalar | Array, worst: Scalar | Array
) -> Array:
    """The log-ratio that counts in the pessimistic one of the two products with the advantage.

    Positive advantages are clipped from above at ``high``, negative ones from below at ``low`` and from above at
    ``worst``; an advantage of 0 gives 0.
    """
    none, zero = advantages == 0, jnp.zeros((), log_ratio.dtype)
    lower = jnp.where(advantages < 0, low, jnp.where(none, zero, -jnp.inf))
    upper = jnp.where(advantages > 0, high, jnp.where(none, zero, worst))
    return jnp.clip(log_ratio, lower, upper)
