"""Smooth kin of the pinball loss: differentiable at a perfect fit, with the two sides weighed unequally."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import smooth_distance
from jaxloss._floor.maths.numerics import difference, exp_excess
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "expectile_loss",
    "huber_quantile_loss",
    "linex_loss",
]


@separate
def _expectile(predictions: Array, targets: Array, expectile: Array) -> Array:
    square = jnp.square(targets - predictions)
    return jnp.where(targets < predictions, (1 - expectile) * square, expectile * square)


def expectile_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    expectile: Scalar = 0.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Asymmetric squared error whose minimiser is an expectile.

    .. math:: \ell = \left| \tau - 1[u < 0] \right| u^2, \qquad u = y - \hat y

    The ``expectile`` is the weight of targets above the prediction, so that 0.9 pulls predictions up: implicit
    Q-learning fits its values so. At 0.5 it is half of `squared_error`.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        expectile: The level :math:`\tau` whose expectile is sought, in (0, 1).
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``expectile`` is not in (0, 1).

    Example:
        >>> jaxloss.expectile_loss(jnp.array([0.0, 4.0]), jnp.array([2.0, 2.0]), expectile=0.75, reduction="none")
        Array([3., 1.], dtype=float32)

    Reference:
        Newey and Powell (1987), Asymmetric Least Squares Estimation and Testing.
        https://doi.org/10.2307/1911031
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    expectile = checks.scalar("expectile", expectile, predictions.dtype, above=0, below=1)
    values = _expectile(predictions, targets, jnp.asarray(expectile, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def huber_quantile_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    quantile: Scalar = 0.5,
    delta: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quantile Huber loss: the pinball loss, quadratic for residuals up to :math:`\delta`.

    .. math:: \ell = \left| q - 1[u < 0] \right| \frac{h_\delta(u)}{\delta}, \qquad u = y - \hat y

    with the Huber function :math:`h_\delta`, see `huber_loss`.

    The elementwise part of quantile regression in reinforcement learning, where some leave out the division by
    :math:`\delta`; with it the loss tends to `quantile_loss` as ``delta`` tends to 0.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        quantile: The level :math:`q`, the weight of targets above the prediction, in (0, 1).
        delta: Residual where the loss turns linear, in units of ``targets``; >= 0, and 0 gives `quantile_loss`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, ``quantile`` is not in (0, 1), or ``delta`` is negative.

    Example:
        >>> jaxloss.huber_quantile_loss(jnp.array([0.0, 3.0]), jnp.array([3.0, 2.5]), quantile=0.75, reduction="none")
        Array([1.875  , 0.03125], dtype=float32)

    Reference:
        Dabney, Rowland, Bellemare and Munos (2018), Distributional Reinforcement Learning with Quantile Regression.
        https://arxiv.org/abs/1710.10044
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    quantile = checks.scalar("quantile", quantile, predictions.dtype, above=0, below=1)
    delta = checks.scalar("delta", delta, predictions.dtype, at_least=0)
    size = smooth_distance(targets, predictions, jnp.asarray(delta, targets.dtype))
    # A selection last: XLA on CPU makes one loop of what is in front of it.
    values = jnp.where(targets < predictions, (1 - quantile) * size, quantile * size)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def linex_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    asymmetry: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Linear-exponential (LINEX) loss: errors of one sign cost exponentially, those of the other sign linearly.

    .. math:: \ell = e^{a r} - a r - 1, \qquad r = \hat y - y

    For decisions where too much and too little are not alike, such as estimates of a lifetime. With a positive
    :math:`a` predictions that are too high are the expensive ones, with a negative one those that are too low; for
    errors that are small beside :math:`1 / a` it is :math:`a^2 r^2 / 2`. With normal errors of variance
    :math:`\sigma^2` the best prediction is the mean minus :math:`a \sigma^2 / 2`.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        asymmetry: The :math:`a` of the formula, of either sign, in inverse units of ``targets``; at 0 the loss is 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without units; 0 exactly at a perfect fit, and accurate near it.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> values = jaxloss.linex_loss(jnp.array([0.0, 2.0, -2.0]), jnp.zeros(3), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.0000', '4.3891', '1.1353']

    Reference:
        Zellner (1986), Bayesian Estimation and Prediction Using Asymmetric Loss Functions.
        https://doi.org/10.1080/01621459.1986.10478289
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    asymmetry = checks.scalar("asymmetry", asymmetry, predictions.dtype)
    values = exp_excess(difference(predictions, targets) * asymmetry)
    return reduce(values, where=where, weights=weights, reduction=reduction)
