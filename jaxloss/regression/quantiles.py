"""Quantile regression: pinball losses, for one level or several, and the order of the levels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.errors import apart, blank_narrow, read_again
from jaxloss._floor.maths.numerics import poison, positive_part
from jaxloss._floor.reduction import blank, hide, pool_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "multi_quantile_loss",
    "quantile_crossing_penalty",
    "quantile_loss",
]


@jax.custom_jvp
def _pinball(targets: Array, predictions: Array, level: Array) -> Array:
    """``max(level * u, (level - 1) * u)`` of ``u = targets - predictions``, with slope 0 where they are equal."""
    targets, predictions = promote(targets, predictions)
    residual = targets - predictions
    return jnp.maximum(level * residual, (level - 1) * residual)


@_pinball.defjvp
def _pinball_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (targets, predictions), (y_dot, x_dot) = promote(*map(read_again, primals[:2])), promote(*tangents[:2])
    value, level = _pinball(*primals), apart(primals[2])
    back = predictions - targets
    slope = jnp.where(targets > predictions, level, jnp.where(targets < predictions, level - 1, back))
    return value, slope * (y_dot - x_dot) - back * tangents[2]


def quantile_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    quantile: Scalar = 0.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quantile (pinball) loss: asymmetric absolute error whose minimiser is a quantile.

    .. math:: \ell = \max\left( q\, u, (q - 1)\, u \right), \qquad u = y - \hat y

    The ``quantile`` is the weight of targets above the prediction: 0.9 makes under-prediction nine times as costly as
    over-prediction. At 0.5 it is half of `absolute_error`. The slope at a perfect fit is 0.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        quantile: The level :math:`q` whose quantile is sought, in (0, 1).
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``quantile`` is not in (0, 1).

    Example:
        >>> jaxloss.quantile_loss(jnp.array([1.0, 3.0]), jnp.array([2.0, 2.0]), quantile=0.75, reduction="none")
        Array([0.75, 0.25], dtype=float32)

    Reference:
        Koenker and Bassett (1978), Regression Quantiles.
        https://doi.org/10.2307/1913643
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank_narrow(where, predictions, targets)
    wide = jnp.float64 if predictions.dtype == jnp.float64 else jnp.float32
    quantile = checks.scalar("quantile", quantile, wide, above=0, below=1)
    values = _pinball(targets, predictions, jnp.asarray(quantile, wide))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def multi_quantile_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    levels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Pinball loss at several levels at once, averaged over the levels.

    .. math:: \ell = \frac{1}{Q} \sum_{i=1}^{Q} \max\left( q_i u_i, (q_i - 1) u_i \right), \qquad u_i = y - \hat y_i

    Twice the loss approximates the continuous ranked probability score as the levels fill (0, 1) evenly. Levels that
    cross cost nothing extra: see `quantile_crossing_penalty`.

    Args:
        predictions: Shape ``[..., Q]``, floating; one prediction per level.
        targets: Shape ``[...]``, floating or integer.
        levels: Shape ``[Q]``, each in (0, 1), in the order of the predictions; shared by all examples. A level outside
            of (0, 1) gives NaN.
        where, weights, reduction: Over the examples ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if all predictions equal the target.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> predictions, targets = jnp.array([[0.0, 1.0, 4.0]]), jnp.array([2.0])
        >>> jaxloss.multi_quantile_loss(predictions, targets, jnp.array([0.25, 0.5, 0.75]))
        Array(0.5, dtype=float32)

    Reference:
        Wen, Torkkola, Narayanaswamy and Madeka (2017), A Multi-Horizon Quantile Recurrent Forecaster.
        https://arxiv.org/abs/1711.11053
    """
    (predictions,) = checks.floating(predictions=predictions)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("levels", predictions=predictions)
    checks.has_shape(predictions.shape[:-1], "predictions.shape[:-1], the level axis is last", targets=targets)
    predictions, targets = promote(hide(where, predictions, event_ndim=1), hide(where, targets))
    (levels,) = checks.class_vector(predictions.shape[-1], predictions.dtype, levels=levels)
    valid = (levels > 0) & (levels < 1)
    value_checks.ensure(lambda: valid, "levels must lie in (0, 1)")
    levels = jnp.broadcast_to(poison(levels, valid), predictions.shape)
    values = pool_mean(_pinball(targets[..., None], predictions, levels), None)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def quantile_crossing_penalty(
    predictions: ArrayLike,
    *,
    margin: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Penalty on crossing quantiles: the total violation of their order.

    .. math:: \ell = \sum_{i=1}^{Q-1} \max(0, \hat y_i - \hat y_{i+1} + m)

    Args:
        predictions: Shape ``[..., Q]``, floating; quantiles in the order of rising levels.
        margin: The gap :math:`m` that neighbours must keep, in units of ``predictions``; >= 0.
        where, weights, reduction: Over the examples ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``predictions``; 0 exactly, with zero gradient, if all gaps are at least ``margin``.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the last axis is missing, or ``margin`` is negative.

    Example:
        >>> jaxloss.quantile_crossing_penalty(jnp.array([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0]]), reduction="none")
        Array([1., 0.], dtype=float32)

    Reference:
        Bondell, Reich and Wang (2010), Noncrossing quantile regression curve estimation.
        https://doi.org/10.1093/biomet/asq048
    """
    (predictions,) = checks.floating(predictions=predictions)
    checks.with_axes("levels", predictions=predictions)
    (predictions,) = blank(where, predictions, event_ndim=1)
    margin = checks.scalar("margin", margin, predictions.dtype, at_least=0)
    values = jnp.sum(positive_part(predictions[..., :-1] - predictions[..., 1:] + margin), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
