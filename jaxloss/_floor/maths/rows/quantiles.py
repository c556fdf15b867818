"""Means over the quantiles of two samples on the line: optimal transport there, which sorting solves."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array

__all__ = ["mean_over_quantiles"]


def mean_over_quantiles(of_gap: Callable[[Array], Array], x: Array, y: Array, *masses: Array) -> Array:
    """The integral over t in [0, 1] of a function of the gap between the t-quantiles of two samples.

    Without masses the samples have one size and are compared entry by entry in order.

    Args:
        of_gap: Elementwise.
        x, y: Points, ``[..., N]`` and ``[..., M]``.
        masses: Of the points of ``x`` and of ``y``, of their shapes, >= 0. They have no gradient at the levels, which
            are where a quantile jumps from one point to the next.

    Returns:
        Shape ``[...]``.
    """
    if not masses:
        return plain_mean(of_gap(jnp.sort(x, axis=-1) - jnp.sort(y, axis=-1)), -1)
    (x, below), (y, under) = (_quantiles(points, mass) for points, mass in zip((x, y), masses, strict=True))
    levels = jnp.sort(jnp.concatenate([below, under], axis=-1), axis=-1)
    widths = jnp.diff(levels, axis=-1, prepend=jnp.zeros((*levels.shape[:-1], 1), levels.dtype))
    return jnp.sum(widths * of_gap(_at(x, below, levels) - _at(y, under, levels)), axis=-1)


def _quantiles(points: Array, mass: Array) -> tuple[Array, Array]:
    """The points in order and the share of the mass up to each, which ends with exactly 1."""
    order = jnp.argsort(jax.lax.stop_gradient(points), axis=-1)
    points, mass = (jnp.take_along_axis(x, order, axis=-1) for x in (points, mass))
    below = jnp.cumsum(mass, axis=-1)
    return points, numerics.divide(below, jnp.broadcast_to(below[..., -1:], below.shape))


def _at(points: Array, below: Array, levels: Array) -> Array:
    """The quantiles of sorted points at some levels."""
    search = jnp.vectorize(jnp.searchsorted, signature="(n),(k)->(k)")
    index = jnp.minimum(search(*map(jax.lax.stop_gradient, (below, levels))), points.shape[-1] - 1)
    return jnp.take_along_axis(points, index, axis=-1)
