"""Lengths of differences between embeddings."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar

__all__ = ["vector_norm"]


def vector_norm(x: Array, norm_degree: Scalar = 2.0) -> Array:
    """The p-norm over the last axis: no overflow in the powers, zero derivatives at the zero vector."""
    if isinstance(norm_degree, float) and norm_degree == 2:
        return numerics.norm(x)
    scale = numerics.scale_of(x)
    total = jnp.sum(numerics.power(numerics.magnitude(x / scale), norm_degree), axis=-1)
    return scale[..., 0] * numerics.power(total, 1 / norm_degree)
