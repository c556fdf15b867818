"""Squared error for small residuals joined to absolute error for large ones: the gradient is a clipped residual."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import huber, smooth_distance
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "huber_loss",
    "smooth_l1_loss",
]


def huber_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    delta: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Huber loss: squared error for small residuals :math:`r`, absolute error for large ones.

    .. math:: \ell(r) = \begin{cases} \tfrac12 r^2 & |r| \le \delta \\
              \delta \, (|r| - \tfrac12 \delta) & |r| > \delta \end{cases}

    The gradient is the residual clipped to :math:`\pm\delta`, to the last digit also where the residual is tiny.
    Divided by :math:`\delta` it is `smooth_l1_loss`.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        delta: Residual where the loss turns linear, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``delta`` is not positive.

    Example:
        >>> jaxloss.huber_loss(jnp.array([0.5, 3.0]), jnp.zeros(2), reduction="none")
        Array([0.125, 2.5  ], dtype=float32)

    Reference:
        Huber (1964), Robust Estimation of a Location Parameter.
        https://doi.org/10.1214/aoms/1177703732
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    delta = checks.scalar("delta", delta, predictions.dtype, above=0)
    values = huber(predictions, targets, jnp.asarray(delta, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def smooth_l1_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    beta: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Smooth L1 loss: absolute error, quadratic for residuals :math:`r` up to :math:`\beta`.

    .. math:: \ell(r) = \begin{cases} \tfrac{1}{2 \beta} r^2 & |r| < \beta \\
              |r| - \tfrac12 \beta & |r| \ge \beta \end{cases}

    `huber_loss` with ``delta=beta``, divided by ``beta``: the slope of the linear part is 1 for every ``beta``.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        beta: Residual where the loss turns linear, in units of ``targets``; >= 0, and 0 gives `absolute_error`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``beta`` is negative.

    Example:
        >>> jaxloss.smooth_l1_loss(jnp.array([1.0, 3.0]), jnp.zeros(2), beta=2.0, reduction="none")
        Array([0.25, 2.  ], dtype=float32)

    Reference:
        Girshick (2015), Fast R-CNN. https://arxiv.org/abs/1504.08083
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    beta = checks.scalar("beta", beta, predictions.dtype, at_least=0)
    values = smooth_distance(predictions, targets, jnp.asarray(beta, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)
