"""Distances between embeddings: of given pairs exactly, between all pairs of a set by one matrix product."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array, Scalar

__all__ = ["pair_distances", "squared_distances", "vector_norm"]


def vector_norm(x: Array, norm_degree: Scalar = 2.0) -> Array:
    """The p-norm over the last axis: no overflow in the powers, zero derivatives at the zero vector."""
    if isinstance(norm_degree, float) and norm_degree == 2:
        return numerics.norm(x)
    scale = numerics.scale_of(x)
    total = jnp.sum(numerics.power(numerics.magnitude(x / scale), norm_degree), axis=-1)
    return scale[..., 0] * numerics.power(total, 1 / norm_degree)


def squared_distances(x: Array) -> tuple[Array, Array]:
    """``(d ** 2 / s ** 2, s)`` for the Euclidean distances ``[..., N, N]`` between all rows of ``[..., N, D]``.

    They come from inner products, after a common shift towards the origin that changes no distance; nothing has
    N N D entries. The squared lengths are taken from the same product, so that equal rows are at distance 0. The scale
    ``s``, a constant of differentiation, keeps the squares from overflowing.
    """
    scale = numerics.scale_of(x, axis=(-2, -1))
    x = x / scale
    x = x - jnp.expand_dims(jax.lax.stop_gradient(plain_mean(x, -2)), -2)
    products = jnp.matmul(x, jnp.swapaxes(x, -1, -2), precision=jax.lax.Precision.HIGHEST)
    squares = jnp.diagonal(products, axis1=-2, axis2=-1)
    squares = (squares[..., :, None] - products) + (squares[..., None, :] - products)
    return numerics.positive_part(squares), scale


def pair_distances(x: Array) -> Array:
    """Euclidean distances ``[..., N, N]`` between all rows of ``[..., N, D]``; zero derivatives where they are 0."""
    squares, scale = squared_distances(x)
    return scale * numerics.sqrt(squares)
