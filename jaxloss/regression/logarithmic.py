"""Squared errors of logarithms: for targets that span orders of magnitude."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.means.squares import pool_root_mean_square
from jaxloss._floor.reduction import blank, pool_mass, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["mean_squared_log_error", "root_mean_squared_log_error"]


@jax.custom_jvp
def _log1p_difference(x: Array, y: Array) -> Array:
    """``log1p(x) - log1p(y)`` without the cancellation: ``log1p`` of the relative gap to the smaller of the two.

    NaN at -1 and below.
    """
    low, high = jnp.minimum(x, y), jnp.maximum(x, y)
    sign = jnp.where(x < y, -jnp.ones((), x.dtype), jnp.ones((), x.dtype))
    gap = sign * (x - y) / (1 + low)
    # Not log1p of both: one logarithm, of a ratio that is taken by a power of two where the gap overflows.
    close, inside = gap < 1, gap < 2.0**64
    ratio = jnp.where(inside, 1 + gap, (2.0**-64 * (1 + high)) / (1 + low))
    apart = jnp.log(ratio) + jnp.where(inside, 0.0, 64 * math.log(2.0))
    # Other compilers have a loop for `log1p`, and store the longer series for value and slope.
    near = jax.lax.platform_dependent(jnp.where(close, gap, 0.0), cpu=log1p_near, default=jnp.log1p)
    return jnp.where(low > -1, sign * jnp.where(close, near, apart), jnp.nan)


@_log1p_difference.defjvp
def _log1p_difference_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = primals, tangents
    return _log1p_difference(x, y), poison(x_dot / (1 + x) - y_dot / (1 + y), jnp.minimum(x, y) > -1)


def _log_residual(predictions: Array, targets: Array) -> Array:
    """The difference of the logarithms; NaN in value and gradient at -1 and below."""
    value_checks.ensure(
        lambda: (predictions > -1) & (targets > -1),
        "predictions and targets must be greater than -1, where log1p ends",
    )
    return _log1p_difference(predictions, targets)


def mean_squared_log_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared difference of the logarithms of one plus the values (MSLE).

    .. math:: \ell = \left( \log(1 + \hat y) - \log(1 + y) \right)^2

    About the squared relative error for large values, the squared error near 0. Meant for values >= 0; those in
    (-1, 0) follow the formula. Nothing is clipped: Keras raises predictions to 1e-7, where its gradient ends.

    Args:
        predictions: Shape ``[...]``, floating, > -1; NaN at -1 and below.
        targets: Shape ``[...]``, the same; floating or integer, > -1; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared nats; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.mean_squared_log_error(jnp.array([jnp.e - 1, 3.0]), jnp.array([0.0, 3.0]), reduction="none")
        Array([1., 0.], dtype=float32)

    Reference:
        Tofallis (2015), A Better Measure of Relative Prediction Accuracy for Model Selection and Model Estimation.
        https://doi.org/10.1057/jors.2014.103
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    values = jnp.square(_log_residual(predictions, targets))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def root_mean_squared_log_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Root of the mean squared log error over the last axis (RMSLE).

    .. math:: \ell = \sqrt{\frac{\sum_t w_t \left( \log(1 + \hat y_t) - \log(1 + y_t) \right)^2}{\sum_t w_t}}

    The last axis is pooled before the root, so ``where`` and ``weights`` belong to its entries. For the root
    over a whole array pass it flat.

    Args:
        predictions: Shape ``[..., N]``, floating, > -1; NaN at -1 and below.
        targets: Shape ``[..., N]``, the same; floating or integer, > -1; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.root_mean_squared_log_error(jnp.array([jnp.e - 1, 3.0]), jnp.array([0.0, 3.0]))
        Array(0.70710677, dtype=float32)

    Reference:
        Tofallis (2015), A Better Measure of Relative Prediction Accuracy for Model Selection and Model Estimation.
        https://doi.org/10.1057/jors.2014.103
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("entries", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    where, weights, predictions, targets = whole_pool(axis_name, where, weights, predictions, targets)
    mass, present = pool_mass(where, weights, predictions)
    values = pool_root_mean_square(_log_residual(predictions, targets), mass)
    return reduce(values, where=present, reduction=reduction)
