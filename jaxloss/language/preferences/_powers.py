"""Differences of powers of probabilities, from their logarithms."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor.typing import Array, Scalar

__all__ = ["power_margin"]


def power_margin(margin: Array, chosen: Array, rejected: Array, factor: Scalar, alpha: Scalar) -> Array:
    """``factor * (h(chosen) - h(rejected))`` with ``h(r) = (1 - exp(-alpha * r)) / alpha``; ``margin`` is the gap.

    The difference of two exponentials is the larger one times a share in [0, 1], which does not cancel. Where it
    overflows it is held at a large number, so that value and gradient stay finite.
    """
    ahead = margin >= 0
    limit = math.log(float(jnp.finfo(margin.dtype).max)) - 3
    log_factor = jnp.log(jnp.asarray(factor / alpha, margin.dtype))
    size = jnp.exp(jnp.minimum(log_factor - alpha * jnp.where(ahead, rejected, chosen), limit))
    share = -jnp.expm1(-alpha * jnp.where(ahead, margin, -margin))
    return jnp.where(ahead, size, -size) * share
