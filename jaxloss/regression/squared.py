"""Squared errors: the losses that the conditional mean minimises."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference
from jaxloss._floor.means.squares import pool_root_mean_square, reduce_squared_differences
from jaxloss._floor.reduction import blank, pool_mass, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["half_squared_error", "root_mean_squared_error", "squared_error"]


def squared_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared difference; its mean is the mean squared error (MSE).

    .. math:: \ell = (\hat y - y)^2

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.squared_error(jnp.array([1.0, 3.0]), jnp.array([1.0, 1.0]))
        Array(2., dtype=float32)

    Reference:
        Gauss (1809), Theoria motus corporum coelestium.
        https://doi.org/10.5962/bhl.title.53448
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    return reduce_squared_differences(predictions, targets, where=where, weights=weights, reduction=reduction)


@functools.partial(jax.jit, inline=True)
def _half_squared_distance(x: Array, y: Array) -> Array:
    """One program where it is called eagerly."""
    return 0.5 * jnp.square(x - y)


def half_squared_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Half the squared difference, whose gradient is the residual itself (optax's ``l2_loss``).

    .. math:: \ell = \tfrac12 (\hat y - y)^2

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.half_squared_error(jnp.array([1.0, 3.0]), jnp.array([1.0, 1.0]), reduction="none")
        Array([0., 2.], dtype=float32)

    Reference:
        Bishop (2006), Pattern Recognition and Machine Learning, section 1.1.
        https://www.microsoft.com/en-us/research/publication/pattern-recognition-machine-learning/
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    values = _half_squared_distance(predictions, targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def root_mean_squared_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Root of the mean squared error over the last axis, in the units of the data.

    .. math:: \ell = \sqrt{\frac{\sum_t w_t (\hat y_t - y_t)^2}{\sum_t w_t}}

    The last axis is pooled before the root, so ``where`` and ``weights`` belong to its entries. For the root
    over a whole array pass it flat.

    Args:
        predictions: Shape ``[..., N]``, floating.
        targets: Shape ``[..., N]``, the same; floating or integer; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.root_mean_squared_error(jnp.array([3.0, 4.0]), jnp.zeros(2))
        Array(3.535534, dtype=float32)

    Reference:
        Hyndman and Koehler (2006), Another Look at Measures of Forecast Accuracy.
        https://doi.org/10.1016/j.ijforecast.2006.03.001
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("entries", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    where, weights, predictions, targets = whole_pool(axis_name, where, weights, predictions, targets)
    residual = difference(predictions, targets)
    mass, present = pool_mass(where, weights, residual)
    values = pool_root_mean_square(residual, mass)
    return reduce(values, where=present, reduction=reduction)
