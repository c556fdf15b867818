"""Means over all pairs of points of a function of their squared distance, a chunk of rows at a time.

The squared distances come from inner products of points relative to the centre of their own sample, so that these keep
their digits at any distance from the origin and between the samples. The squared lengths are taken from the same
products, so that equal points are at distance 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.chunks import FEWEST, by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.spread import first_row, own_rows, summed
from jaxloss._floor.typing import Array, AxisName
from jaxloss.transport._samples import Samples, centre

__all__ = ["PairMeans", "pair_means"]


NUMBERS = 8
"""How many numbers a pair has, with those of its derivative, for the size of a chunk by default."""


class PairMeans(NamedTuple):
    """Means over the pairs of two samples, weighted by the masses of both points; each point meets itself, too."""

    between: Array
    first: Array
    second: Array


def pair_means(
    axis_name: AxisName | None, chunk_size: int | None, samples: Samples, of: Callable[[Array, Array], Array]
) -> PairMeans:
    """The means of ``of(d ** 2 / s ** 2, s)`` over the pairs of points at distance d; the scale s is a constant.

    Every device along ``axis_name`` compares its own points of each sample with all of them.
    """
    x, y, a, b = samples
    scale = numerics.binary_scale_of(jnp.concatenate([x, y], axis=-2), (-2, -1))
    x, y = x / scale, y / scale
    here, there = centre(x, a), centre(y, b)
    x, y, gap = x - here, y - there, here - there
    of_scale = lambda squares: of(squares, scale)

    def total(z: Array, w: Array, some: Array, masses: Array, lengths: Array, all_lengths: Array) -> Array:
        """Over the rows of ``z``, with masses ``some``, and all points of ``w``; their squared lengths come last."""
        axis = z.ndim - 2
        points, columns = own_rows(axis_name, z, -2), w.shape[-2]
        size = points.shape[-2]
        begin = first_row(axis_name, size)
        chunk = chunk_rows(chunk_size, size, NUMBERS * columns * math.prod(z.shape[:-2]))
        with_itself = z is w

        def block(rows: tuple[Array, Array, Array], first: Array) -> Array:
            points, lengths, shares = rows
            products = _products(points, w)
            squares = numerics.positive_part(
                (lengths[..., :, None] - products) + (all_lengths[..., None, :] - products)
            )
            if with_itself:
                place = begin + first + jnp.arange(points.shape[-2], dtype=jnp.int32)
                alone = place[:, None] == jnp.arange(columns, dtype=jnp.int32)[None, :]
                squares = jnp.where(alone, jnp.zeros((), squares.dtype), squares)
            return shares * jnp.sum(masses[..., None, :] * of_scale(squares), axis=-1)

        each = by_rows(block, chunk, (points, own_rows(axis_name, lengths), own_rows(axis_name, some)), axis)
        return summed(axis_name, jnp.sum(each, axis=-1))

    half = 0.5 * jnp.sum(jnp.square(gap), axis=-1)
    own, other = (_squared_lengths(points, chunk_size) for points in (x, y))
    ends = own + (half + 2 * jnp.sum(x * gap, axis=-1)), other + (half - 2 * jnp.sum(y * gap, axis=-1))
    return PairMeans(total(x, y, a, b, *ends), total(x, x, a, a, own, own), total(y, y, b, b, other, other))


def _products(x: Array, y: Array) -> Array:
    return jnp.matmul(x, jnp.swapaxes(y, -1, -2), precision=jax.lax.Precision.HIGHEST)


def _squared_lengths(points: Array, chunk_size: int | None) -> Array:
    """From products of points with themselves, of which few are made for the diagonal."""
    chunk = chunk_rows(FEWEST if chunk_size is None else chunk_size, points.shape[-2], 1)
    diagonal = lambda some, _: jnp.diagonal(_products(some, some), axis1=-2, axis2=-1)
    return by_rows(diagonal, chunk, points, points.ndim - 2)
