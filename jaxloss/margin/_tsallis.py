"""What entmax losses of all orders share: Tsallis' entropy, and the price of what the true class lacks."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxloss._floor.typing import Array

__all__ = ["lack_integral", "tsallis_entropy"]


def lack_integral(missing: Array, alpha: Array) -> Array:
    r"""The integral of :math:`t (1 - t)^{\alpha - 2}` from 0 to ``missing`` ``[...]``, to full relative accuracy.

    By a Gauss rule, so ``missing`` must be at most 1/2, and at most a small multiple of :math:`1 / \alpha`.
    """
    nodes, factors = np.polynomial.legendre.leggauss(12)
    nodes, factors = jnp.asarray((nodes + 1) / 2, missing.dtype), jnp.asarray((nodes + 1) / 4 * factors, missing.dtype)
    along = jnp.exp((alpha - 2) * jnp.log1p(-missing[..., None] * jnp.reshape(nodes, (1,) * missing.ndim + (-1,))))
    return jnp.square(missing) * jnp.sum(along * jnp.broadcast_to(factors, along.shape), axis=-1)


def tsallis_entropy(probs: Array, alpha: Array) -> Array:
    """Tsallis' entropy ``sum(p - p ** alpha) / (alpha (alpha - 1))`` over the last axis."""
    logarithm = jnp.log(jnp.where(probs > 0, probs, 1))
    return -jnp.sum(probs * jnp.expm1((alpha - 1) * logarithm), axis=-1) / (alpha * (alpha - 1))
