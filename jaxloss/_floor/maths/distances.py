"""Distances between embeddings: of given pairs exactly, between all pairs of a set by one matrix product."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.spread import columns, first_row
from jaxloss._floor.typing import Array, AxisName, Scalar

__all__ = ["pair_distances", "squared_distances", "vector_norm"]


def vector_norm(x: Array, norm_degree: Scalar = 2.0) -> Array:
    """The p-norm over the last axis: no overflow in the powers, zero derivatives at the zero vector."""
    if isinstance(norm_degree, float) and norm_degree == 2:
        return numerics.norm(x)
    scale = numerics.scale_of(x)
    total = jnp.sum(numerics.power(numerics.magnitude(x / scale), norm_degree), axis=-1)
    return scale[..., 0] * numerics.power(total, 1 / norm_degree)


def squared_distances(x: Array, axis_name: AxisName | None = None) -> tuple[Array, Array]:
    """``(d ** 2 / s ** 2, s)`` for the Euclidean distances ``[..., N, M]`` of the rows of ``[..., N, D]`` to all rows.

    All are the rows of every device along ``axis_name``, M = N if there is none. The distances come from inner
    products, after a common shift towards the origin that changes none; nothing has N M D entries. The squared lengths
    are taken from the same product, so that equal rows are at distance 0. The scale ``s``, a constant of
    differentiation, keeps the squares from overflowing.
    """
    everybody = columns(axis_name, x, -2)
    scale = numerics.scale_of(everybody, axis=(-2, -1))
    centre = jnp.expand_dims(jax.lax.stop_gradient(plain_mean(everybody / scale, -2)), -2)
    x, everybody = x / scale - centre, everybody / scale - centre
    products = jnp.matmul(x, jnp.swapaxes(everybody, -1, -2), precision=jax.lax.Precision.HIGHEST)
    size = x.shape[-2]
    own = jax.lax.dynamic_slice_in_dim(products, first_row(axis_name, size), size, -1) if axis_name else products
    squares = jnp.diagonal(own, axis1=-2, axis2=-1)
    theirs = columns(axis_name, squares, -1)
    return numerics.positive_part((squares[..., :, None] - products) + (theirs[..., None, :] - products)), scale


def pair_distances(x: Array, axis_name: AxisName | None = None) -> Array:
    """Euclidean distances ``[..., N, M]`` of the rows to those of every device; zero derivatives where they are 0."""
    squares, scale = squared_distances(x, axis_name)
    return scale * numerics.sqrt(squares)
