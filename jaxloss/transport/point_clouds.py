"""Chamfer distance of two point clouds: distances to nearest neighbours."""

from __future__ import annotations

import functools
import operator

import jax
import jax.numpy as jnp

from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import own_rows, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.transport._samples import two_samples

__all__ = ["chamfer_distance"]


def chamfer_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Chamfer distance: mean squared distance of every point from the nearest one of the other cloud, both ways.

    .. math:: \ell = \frac1N \sum_i \min_j \lVert x_i - y_j \rVert_2^2
              + \frac1M \sum_j \min_i \lVert x_i - y_j \rVert_2^2

    Squared and added, as in pytorch3d. Distances are sums of squared differences, coordinate by coordinate, so that
    nearby points far from the origin keep their accuracy; no array ``[N, M, D]`` is built. Neighbours are found
    without differentiation: what is kept for the gradient grows with N + M.

    Args:
        predictions: Points :math:`x` of one cloud, shape ``[..., N, D]``, floating.
        targets: Points :math:`y` of the other, shape ``[..., M, D]``, floating.
        prediction_weights, target_weights: Weights of the means; a point of weight 0 is absent, also as a neighbour.
            See `jaxloss.transport`.
        axis_name, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar >= 0, in squared units of a coordinate; 0 exactly, with zero gradient, for clouds of the same points
        and if a cloud has no point of positive weight.

    Raises:
        TypeError: If a cloud is not floating.
        ValueError: If the shapes do not match or a cloud has no points or no coordinates.

    Example:
        >>> jaxloss.chamfer_distance(jnp.array([[0.0, 0.0], [2.0, 0.0]]), jnp.array([[0.0, 1.0]]))
        Array(4., dtype=float32)

    Reference:
        Fan, Su and Guibas (2017), A Point Set Generation Network for 3D Object Reconstruction from a Single Image.
        https://arxiv.org/abs/1612.00603
    """
    predictions, targets, first, second = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points coordinates"
    )
    both = jnp.any(first > 0, axis=-1) & jnp.any(second > 0, axis=-1)
    there = _one_way(axis_name, predictions, targets, first, second)
    back = _one_way(axis_name, targets, predictions, second, first)
    distances = there + back
    return reduce(jnp.where(both, distances, 0 * distances), where=where, weights=weights, reduction=reduction)


def _one_way(axis_name: AxisName | None, points: Array, others: Array, shares: Array, other_shares: Array) -> Array:
    """The mean over ``points`` of the squared distance from the nearest of ``others`` that is present.

    Every device does so for its own points.
    """
    points, shares = own_rows(axis_name, points, -2), own_rows(axis_name, shares)
    nearest = _nearest(jax.lax.stop_gradient(points), jax.lax.stop_gradient(others), other_shares > 0)
    neighbours = jnp.take_along_axis(others, nearest[..., None], axis=-2, mode="promise_in_bounds")
    squares = jnp.sum(jnp.square(points - neighbours), axis=-1)
    return summed(axis_name, jnp.sum(shares * squares, axis=-1))


def _nearest(points: Array, others: Array, present: Array) -> Array:
    """Index of the nearest of ``others [..., M, D]`` for each of ``points [..., N, D]``."""
    gaps = (points[..., :, None, d] - others[..., None, :, d] for d in range(points.shape[-1]))
    squares = functools.reduce(operator.add, (jnp.square(gap) for gap in gaps))
    return jnp.argmin(jnp.where(present[..., None, :], squares, jnp.inf), axis=-1)
