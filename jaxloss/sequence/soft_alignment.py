"""Soft dynamic time warping: a smooth version of the cost of the best alignment of two series."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.sequence._log_space import skew

__all__ = ["soft_dtw_divergence", "soft_dtw_loss"]


def soft_dtw_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft dynamic time warping (soft-DTW) of two series, with squared Euclidean costs.

    .. math:: \ell = -\gamma \log \sum_{A} \exp\left( -\frac{1}{\gamma} \sum_{(i, j) \in A} \|x_i - y_j\|^2 \right)

    over all monotone alignments A from the first to the last points, which move by one in either series or in both.
    As :math:`\gamma \to 0` it tends to dynamic time warping. It is negative and not minimal for equal series; a loss
    that is 0 there is `jaxloss.soft_dtw_divergence`.

    Args:
        predictions: Shape ``[..., N, D]``, floating: N points of D coordinates.
        targets: Shape ``[..., M, D]``, floating or integer: M points. M may differ from N.
        gamma: Smoothing :math:`\gamma`, in squared units of ``targets``; > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in squared units of ``targets``; at most the cost of dynamic time warping.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the axes other than the number of points differ, a series is empty, or ``gamma`` is not
            positive.

    Example:
        >>> series = jnp.array([[0.0], [1.0], [2.0]])
        >>> jaxloss.soft_dtw_loss(series, jnp.array([[0.0], [2.0]]), gamma=0.1)
        Array(0.930683, dtype=float32)

    Reference:
        Cuturi and Blondel (2017), Soft-DTW: a Differentiable Loss Function for Time-Series.
        https://arxiv.org/abs/1703.01541
    """
    predictions, targets = _series(predictions, targets)
    predictions, targets = blank(where, predictions, targets, event_ndim=2)
    gamma = checks.scalar("gamma", gamma, predictions.dtype, above=0)
    values = _soft_dtw(predictions, targets, gamma)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def soft_dtw_divergence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft-DTW divergence: soft dynamic time warping without its bias, 0 for equal series.

    .. math:: \ell = s_\gamma(x, y) - \tfrac12 s_\gamma(x, x) - \tfrac12 s_\gamma(y, y)

    with :math:`s_\gamma` from `jaxloss.soft_dtw_loss`. No pair of series is known for which it is negative; values that
    are negative by rounding become 0.

    Args:
        predictions, targets, gamma: See `jaxloss.soft_dtw_loss`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; exactly 0 with zero gradient for equal series.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the axes other than the number of points differ, a series is empty, or ``gamma`` is not
            positive.

    Example:
        >>> series = jnp.array([[0.0], [1.0], [2.0]])
        >>> jaxloss.soft_dtw_divergence(series, series)
        Array(0., dtype=float32)

    Reference:
        Blondel, Mensch and Vert (2021), Differentiable Divergences Between Time Series.
        https://arxiv.org/abs/2010.08354
    """
    predictions, targets = _series(predictions, targets)
    predictions, targets = blank(where, predictions, targets, event_ndim=2)
    gamma = checks.scalar("gamma", gamma, predictions.dtype, above=0)
    own = 0.5 * _soft_dtw(predictions, predictions, gamma) + 0.5 * _soft_dtw(targets, targets, gamma)
    values = numerics.positive_part(_soft_dtw(predictions, targets, gamma) - own)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _series(predictions: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    (predictions,) = checks.floating(predictions=predictions)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("points coordinates", predictions=predictions, targets=targets)
    expected = (*predictions.shape[:-2], targets.shape[-2], predictions.shape[-1])
    checks.has_shape(expected, "the axes of predictions, but for the number of points", targets=targets)
    return predictions, targets


@jax.jit
def _soft_dtw(x: Array, y: Array, gamma: Scalar) -> Array:
    """The recursion over the alignments of beginnings, from one anti-diagonal of the costs to the next."""
    costs = jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1)
    left = functools.partial(jnp.pad, pad_width=[(0, 0)] * (costs.ndim - 2) + [(1, 0)], constant_values=jnp.inf)

    def step(state: tuple[Array, Array], cost: Array) -> tuple[tuple[Array, Array], None]:
        before, last = state
        return (last, cost + _soft_minimum(gamma, last, left(last)[..., :-1], left(before)[..., :-1])), None

    first, rest = jnp.split(skew(costs, jnp.inf), [1])
    (_, last), _ = jax.lax.scan(step, (first[0] + jnp.inf, first[0]), rest)
    return last[..., -1]


def _soft_minimum(gamma: Scalar, *costs: Array) -> Array:
    """``-gamma log(sum(exp(-costs / gamma)))``; infinite with zero derivatives where all costs are."""
    least = jax.lax.stop_gradient(functools.reduce(jnp.minimum, costs))
    finite = jnp.where(jnp.isposinf(least), jnp.zeros((), least.dtype), least)
    total = sum(_decay(cost, finite, gamma) for cost in costs)
    # The smallest cost adds a 1, so that less than that is nothing at all.
    return least - gamma * jnp.log(jnp.where(total < 1, jnp.ones((), least.dtype), total))


def _decay(cost: Array, least: Array, gamma: Scalar) -> Array:
    """``exp((least - cost) / gamma)``; an infinite cost stays out of the derivative in ``gamma``."""
    impossible = jnp.isposinf(cost)
    weight = jnp.exp((least - jnp.where(impossible, least, cost)) / gamma)
    return jnp.where(impossible, jnp.zeros((), weight.dtype), weight)
