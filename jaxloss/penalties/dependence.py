"""Dependence of two variables, from the kernels of their samples."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce, relative_mass
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["hsic_penalty"]


def hsic_penalty(
    first: ArrayLike,
    second: ArrayLike,
    *,
    first_bandwidth: Scalar = 1.0,
    second_bandwidth: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hilbert-Schmidt independence criterion (HSIC): dependence of two variables, linear or not, in Gaussian kernels.

    .. math:: \ell = \frac{\operatorname{tr}(K H L H)}{N^2}, \qquad H = I - \frac1N 1 1^\top, \qquad
              K_{ij} = e^{-\lVert x_i - x_j \rVert^2 / (2 \sigma^2)}

    and :math:`L` the same of the second variable. Minimised, it makes a representation independent of a nuisance, such
    as a domain or a protected attribute; its negative makes two views agree. The paper divides by :math:`(N - 1)^2`,
    for which an example of weight 2 would not count like two. Time grows with :math:`N^2`, memory with the chunk.

    Args:
        first: Examples :math:`x`, shape ``[..., N, D]``, floating.
        second: Examples :math:`y`, shape ``[..., N, E]``, floating or integer.
        first_bandwidth, second_bandwidth: Widths :math:`\sigma` > 0 of the kernels, in units of a distance. A median of
            distances is usual: compute it and pass it through ``jax.lax.stop_gradient``.
        chunk_size: Number of rows per chunk, >= 1, static; see `jaxloss.transport`.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an example is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 if a variable is constant. For independent variables it falls like 1 / N.

    Raises:
        TypeError: If ``first`` is not floating.
        ValueError: If the shapes do not match, a feature axis is empty, or a bandwidth is not positive; or if every
            pool has one entry, as in ``[1, D]``.

    Example:
        >>> x = jnp.array([[0.0], [0.0], [9.0], [9.0]])
        >>> y = jnp.array([[0.0], [9.0], [0.0], [9.0]])
        >>> print(f"{jaxloss.hsic_penalty(x, x):.3f} {jaxloss.hsic_penalty(x, y):.3f}")
        0.250 0.000

    Reference:
        Gretton, Bousquet, Smola and Schölkopf (2005), Measuring Statistical Dependence with Hilbert-Schmidt Norms.
        https://doi.org/10.1007/11564089_7
    """
    (first,) = checks.floating(first=first)
    (second,) = checks.numeric(second=second)
    checks.with_pool("examples features", first=first)
    checks.with_axes("features", first=first, second=second)
    checks.has_shape((*first.shape[:-1], second.shape[-1]), "one row for each row of first", second=second)
    first, second = blank(where, first, second, event_ndim=1)
    keep, scale, x, y = whole_pool(axis_name, where, weights, first, second, event_ndim=1)
    mass, present = relative_mass(keep, scale, x[..., 0])
    every = jnp.ones(x.shape[:-1], x.dtype) if mass is None else mass.astype(x.dtype)
    shares = numerics.divide(every, jnp.broadcast_to(jnp.sum(every, axis=-1, keepdims=True), every.shape))
    widths = (
        checks.scalar("first_bandwidth", first_bandwidth, x.dtype, above=0),
        checks.scalar("second_bandwidth", second_bandwidth, x.dtype, above=0),
    )
    samples = [_in_widths(points, shares, width) for points, width in zip((x, y), widths, strict=True)]
    return reduce(_criterion(samples, shares, chunk_size), where=present, reduction=reduction)


def _in_widths(points: Array, shares: Array, width: Scalar) -> Array:
    """Points from their centre, over the width of the kernel; at most so far that squares do not overflow."""
    middle = jax.lax.stop_gradient(jnp.sum(shares[..., None] * points, axis=-2, keepdims=True))
    away = jnp.where((shares > 0)[..., None], points - middle, jnp.zeros((), points.dtype)) / width
    return jnp.clip(away, -1e15, 1e15)


def _criterion(samples: list[Array], shares: Array, chunk_size: int | None) -> Array:
    """From kernels without their means over rows and columns, so that nothing large is subtracted at the end."""
    axis, size = shares.ndim - 1, shares.shape[-1]
    chunk = chunk_rows(chunk_size, size, 8 * size * math.prod(shares.shape[:-1]))
    lengths = [jnp.sum(jnp.square(points), axis=-1) for points in samples]

    def unlike(points: Array, length: Array, rows: Array, row_lengths: Array, first: Array) -> Array:
        """One minus the kernel, which has the digits of close points."""
        products = jnp.matmul(rows, jnp.swapaxes(points, -1, -2), precision="highest")
        squares = numerics.positive_part((row_lengths[..., None] - products) + (length[..., None, :] - products))
        row, column = (jax.lax.broadcasted_iota(jnp.int32, squares.shape, squares.ndim - axis) for axis in (2, 1))
        return -jnp.expm1(-0.5 * jnp.where(row + first == column, jnp.zeros((), squares.dtype), squares))

    def row_means(rows: Any, first: Array) -> list[Array]:
        return [
            jnp.sum(shares[..., None, :] * unlike(points, length, some, some_length, first), axis=-1)
            for points, length, (some, some_length) in zip(samples, lengths, rows, strict=True)
        ]

    every = list(zip(samples, lengths, strict=True))
    means = by_rows(row_means, chunk, every, axis)

    def products(rows: Any, first: Array) -> Array:
        *sides, own = rows
        centred = []
        for points, length, mean, ((some, some_length), some_mean) in zip(samples, lengths, means, sides, strict=True):
            whole = jnp.sum(shares * mean, axis=-1)[..., None, None]
            kernel = unlike(points, length, some, some_length, first)
            centred.append(kernel - some_mean[..., None] - mean[..., None, :] + whole)
        return own * jnp.sum(shares[..., None, :] * centred[0] * centred[1], axis=-1)

    sides = [(some, mean) for some, mean in zip(every, means, strict=True)]
    return numerics.positive_part(jnp.sum(by_rows(products, chunk, (*sides, shares), axis), axis=-1))
