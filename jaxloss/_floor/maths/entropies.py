"""The relative entropy of single entries, which does not cancel."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array

__all__ = ["relative_entropy"]

_FAR = 20.0
"""Log-ratio beyond which the terms of a relative entropy differ so much that they do not cancel."""


def relative_entropy(p: Array, log_p: Array, log_q: Array) -> Array:
    """``p log(p / q) - p + q`` entry by entry: never negative, 0 only at ``p = q``, ``q`` where ``p`` is 0.

    Summed over normalised distributions it is the Kullback-Leibler divergence, without its cancellation: it is
    ``p`` times the excess of ``exp(log q - log p)``.
    """
    zero, q = jnp.zeros((), p.dtype), jnp.exp(log_q)
    absent = (p == 0) & (log_q < jnp.inf)
    ratio = jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p)
    near = jnp.abs(ratio) < _FAR
    close = p * numerics.exp_excess(jnp.where(near, ratio, zero))
    apart = q - p - p * jnp.where(near, zero, ratio)
    return jnp.where(absent, q, jnp.where(near, close, apart))
