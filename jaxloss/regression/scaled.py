"""Errors in units of a scale that the data itself sets: the naive forecast, or the length of the target."""

from __future__ import annotations

import operator

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, magnitude
from jaxloss._floor.means.squares import pool_root_mean_square
from jaxloss._floor.reduction import blank, hide, pool_mass, pool_mean, promote, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.regression._units import in_units_of

__all__ = ["mean_absolute_scaled_error", "relative_l2_error"]


def _lag(seasonality: int, length: int) -> int:
    """``seasonality`` as a Python integer that leaves at least one difference in a history of ``length``."""
    try:
        lag = operator.index(seasonality)
    except TypeError as error:
        raise TypeError(f"seasonality must be a whole number, it sets shapes; found {seasonality!r}.") from error
    if not 1 <= lag < length:
        raise ValueError(f"seasonality must be >= 1 and less than the length of history, {length}; found {lag}.")
    return lag


def mean_absolute_scaled_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    history: ArrayLike,
    *,
    seasonality: int = 1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean absolute error over the horizon, in units of the seasonal naive error of the history (MASE).

    .. math:: \ell = \frac{\sum_t w_t |\hat y_t - y_t| / \sum_t w_t}
                          {\frac{1}{H - m} \sum_{t=m+1}^{H} |h_t - h_{t-m}|}

    The horizon, the last axis, is pooled before the division, so ``where`` and ``weights`` belong to its steps.
    Below 1 the forecast beats the one that repeated the last season of the history, one step ahead.
    The root mean squared scaled error of the M5 competition is the quotient of two `root_mean_squared_error`, of the
    forecast and of ``history[..., m:]`` against ``history[..., :-m]``, with ``reduction="none"``.

    Args:
        predictions: Shape ``[..., T]``, floating.
        targets: Shape ``[..., T]``, the same; floating or integer; never broadcast.
        history: Shape ``[..., H]``, floating or integer: the series that the forecast was made from, in order of
            time. ``H`` is its own; the batch axes are those of ``predictions``.
        seasonality: Period :math:`m` of the naive forecast, in steps; a static integer in ``[1, H)``.
        where, weights: Shape ``[..., T]``; see `jaxloss.reduce`. A series without a step is absent, and so is one
            whose history is constant over :math:`m` steps: it has no scale.
        reduction: Over the series ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without units; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating, or ``seasonality`` is not a static integer.
        ValueError: If the shapes do not match, or ``history`` is not longer than ``seasonality``.

    Example:
        >>> history = jnp.array([1.0, 3.0, 2.0, 4.0])
        >>> jaxloss.mean_absolute_scaled_error(jnp.array([3.0, 5.0]), jnp.array([3.0, 4.0]), history)
        Array(0.3, dtype=float32)

    Reference:
        Hyndman and Koehler (2006), Another Look at Measures of Forecast Accuracy.
        https://doi.org/10.1016/j.ijforecast.2006.03.001
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    (history,) = checks.numeric(history=history)
    checks.with_axes("horizon", allow_empty=True, predictions=predictions)
    checks.with_axes("history", history=history)
    axes = (*predictions.shape[:-1], history.shape[-1])
    checks.has_shape(axes, "the batch axes of predictions, then time", history=history)
    lag = _lag(seasonality, history.shape[-1])
    predictions, targets, history = promote(predictions, targets, history)
    predictions, targets = blank(where, predictions, targets)
    mass, present = pool_mass(where, weights, predictions)
    history = hide(present, history, event_ndim=1)
    # Halves of both: a difference of numbers near the top of the dtype stays finite.
    error = pool_mean(magnitude(0.5 * predictions - 0.5 * targets), mass)
    naive = pool_mean(magnitude(difference(0.5 * history[..., lag:], 0.5 * history[..., :-lag])), None)
    values, present = in_units_of(naive, error, present)
    return reduce(values, where=present, reduction=reduction)


def relative_l2_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relative L2 error over the last axis: norm of the error over norm of the target, as for neural operators.

    .. math:: \ell = \frac{\sqrt{\sum_i w_i (\hat y_i - y_i)^2}}{\sqrt{\sum_i w_i y_i^2}}

    The last axis is pooled before the root, so ``where`` and ``weights`` belong to its entries (quadrature
    weights make it the norm of a function). Flatten a field to ``[..., D]`` first. With the mean of the targets taken
    off both, it is the RMSE in units of their standard deviation, and its square one minus the Nash-Sutcliffe
    efficiency, or coefficient of determination.

    Args:
        predictions: Shape ``[..., D]``, floating.
        targets: Shape ``[..., D]``, the same; floating or integer; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., D]``; see `jaxloss.reduce`. A sample without an entry is absent, and so is
            one whose target is 0 everywhere: it has no scale.
        reduction: Over the samples ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without units; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.relative_l2_error(jnp.array([3.0, 5.0]), jnp.array([3.0, 4.0]))
        Array(0.2, dtype=float32)

    Reference:
        Li et al. (2021), Fourier Neural Operator for Parametric Partial Differential Equations.
        https://arxiv.org/abs/2010.08895
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("entries", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    where, weights, predictions, targets = whole_pool(axis_name, where, weights, predictions, targets)
    mass, present = pool_mass(where, weights, predictions)
    # An eighth of both: neither the difference nor a reciprocal leaves the normal numbers at the top of the dtype.
    error = pool_root_mean_square(0.125 * predictions - 0.125 * targets, mass)
    values, present = in_units_of(pool_root_mean_square(0.125 * targets, mass), error, present)
    return reduce(values, where=present, reduction=reduction)
