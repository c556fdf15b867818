"""Distances between embeddings: of given pairs exactly, between all pairs of a set by one matrix product."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.spread import columns, first_row, mean_over, own_rows, summed
from jaxloss._floor.typing import Array, AxisName, Scalar

__all__ = ["pair_distances", "squared_distances", "squared_distances_of_two", "vector_norm"]


def vector_norm(x: Array, norm_degree: Scalar = 2.0) -> Array:
    """The p-norm over the last axis: no overflow in the powers, zero derivatives at the zero vector."""
    if isinstance(norm_degree, float) and norm_degree == 2:
        return numerics.norm(x)
    scale = numerics.scale_of(x)
    total = jnp.sum(numerics.power(numerics.magnitude(x / scale), norm_degree), axis=-1)
    return scale[..., 0] * numerics.power(total, 1 / norm_degree)


def squared_distances(x: Array, keep: Array | None, axis_name: AxisName | None) -> tuple[Array, Array]:
    """``(d ** 2 / s ** 2, s)`` for the Euclidean distances ``[..., N, M]`` of the rows of ``[..., N, D]`` to all rows.

    All are the rows of every device along ``axis_name``, M = N if there is none. The distances come from inner
    products, after a common shift that changes none: it moves the mean of the rows for which ``keep [..., N]`` is True,
    or of all, to the origin. Nothing has N M D entries. The squared lengths are taken from the same product, so that
    equal rows are at distance 0. The scale ``s``, a constant of differentiation, keeps the squares from overflowing.
    """
    everybody = columns(axis_name, x, -2)
    scale = numerics.binary_scale_of(everybody, (-2, -1))
    mass = None if keep is None else jnp.broadcast_to(keep[..., None], x.shape)
    centre = _constant(mean_over(axis_name, x / scale, mass, -2))
    size = x.shape[-2]
    place = jnp.arange(size) + first_row(axis_name, size)
    return numerics.positive_part(_of_rows(x / scale - centre, everybody / scale - centre, place, axis_name)), scale


def squared_distances_of_two(
    x: Array, y: Array, a: Array, b: Array, axis_name: AxisName | None = None
) -> tuple[Array, Array]:
    """`squared_distances` to all rows of ``[..., N, D]`` and ``[..., M, D]``, one sample after the other.

    Both samples are given whole, those of every device along ``axis_name``. The result ``[..., n + m, N + M]`` has the
    n and m rows that are here: all of them if there is none.

    The rows are taken relative to the centre of their own sample, with shares ``a [..., N]`` and ``b [..., M]`` of its
    mass, so that the products keep their digits at any distance between the samples.
    """
    scale = numerics.binary_scale_of(jnp.concatenate([x, y], axis=-2), (-2, -1))
    x, y = x / scale, y / scale
    here, there = (_constant(jnp.sum(s[..., None] * z, axis=-2)) for z, s in ((x, a), (y, b)))
    everybody = jnp.concatenate([x - here, y - there], axis=-2)
    side = jnp.concatenate([jnp.ones(a.shape, x.dtype), jnp.zeros(b.shape, x.dtype)], axis=-1)
    gap = here - there
    along = jnp.sum(everybody * gap, axis=-1)
    first, second = jnp.arange(x.shape[-2]), x.shape[-2] + jnp.arange(y.shape[-2])
    place = jnp.concatenate([own_rows(axis_name, first), own_rows(axis_name, second)])
    own = lambda array, axis: jnp.take(array, place, axis) if axis_name else array
    # 1 and -1 between the samples; within each exactly 0, where a sum of products with the gap would leave a residue.
    across = own(side, -1)[..., :, None] - side[..., None, :]
    between = own(along, -1)[..., :, None] - along[..., None, :]
    lean = across * jnp.sum(jnp.square(gap), axis=-1, keepdims=True) + 2 * between
    squares = _of_rows(own(everybody, -2), everybody, place, axis_name)
    return numerics.positive_part(squares + across * lean), scale


def _constant(centre: Array) -> Array:
    """A shift of all rows, which changes no distance and so no derivative."""
    return jnp.expand_dims(jax.lax.stop_gradient(centre), -2)


def _of_rows(x: Array, everybody: Array, place: Array, axis_name: AxisName | None) -> Array:
    """Squared distances of rows to those of all devices, among which they are at ``place``."""
    products = jnp.matmul(x, jnp.swapaxes(everybody, -1, -2), precision=jax.lax.Precision.HIGHEST)
    if not axis_name:
        lengths = jnp.diagonal(products, axis1=-2, axis2=-1)
        return (lengths[..., :, None] - products) + (lengths[..., None, :] - products)
    lengths = jnp.diagonal(jnp.take(products, place, axis=-1), axis1=-2, axis2=-1)
    those_of_all = summed(axis_name, jnp.zeros(everybody.shape[:-1], x.dtype).at[..., place].set(lengths))
    return (lengths[..., :, None] - products) + (those_of_all[..., None, :] - products)


def pair_distances(x: Array, keep: Array | None, axis_name: AxisName | None) -> Array:
    """Euclidean distances ``[..., N, M]`` of the rows to those of every device; zero derivatives where they are 0.

    Rows that ``keep [..., N]`` leaves out do not touch the digits of the others.
    """
    squares, scale = squared_distances(x, keep, axis_name)
    return scale * numerics.sqrt(squares)
