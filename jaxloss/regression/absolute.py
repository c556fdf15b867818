"""Absolute errors: the losses around the one that the conditional median minimises, with a kink each."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import blank_narrow, distance
from jaxloss._floor.maths.numerics import magnitude, positive_part
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "absolute_error",
    "berhu_loss",
    "epsilon_insensitive_loss",
]


def absolute_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Absolute difference; its mean is the mean absolute error (MAE, L1 loss).

    .. math:: \ell = |\hat y - y|

    The slope at a perfect fit is 0, the symmetric choice, where ``jax.grad(jnp.abs)`` has 1.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.absolute_error(jnp.array([1.0, -3.0]), jnp.array([1.0, 1.0]))
        Array(2., dtype=float32)

    Reference:
        Willmott and Matsuura (2005), Advantages of the mean absolute error (MAE) over the root mean square error
        (RMSE) in assessing average model performance. https://doi.org/10.3354/cr030079
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank_narrow(where, predictions, targets)
    values = distance(predictions, targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def epsilon_insensitive_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    half_width: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Absolute error minus a tolerance :math:`\epsilon`; 0 inside the tube (support vector regression).

    .. math:: \ell = \max(0, |\hat y - y| - \epsilon)

    The loss of support vector regression. The slope inside the tube and on its edge is 0. Its square, the mean of
    `jnp.square` of the values with ``reduction="none"``, is the squared epsilon-insensitive loss.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        half_width: The :math:`\epsilon` of the formula, in units of ``targets``; >= 0. 0 gives `absolute_error`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly within the tube.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``half_width`` is negative.

    Example:
        >>> jaxloss.epsilon_insensitive_loss(jnp.array([0.2, 2.0]), jnp.zeros(2), half_width=0.5, reduction="none")
        Array([0. , 1.5], dtype=float32)

    Reference:
        Vapnik (1995), The Nature of Statistical Learning Theory, section 6.1.
        https://doi.org/10.1007/978-1-4757-2440-0
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    half_width = checks.scalar("half_width", half_width, predictions.dtype, at_least=0)
    values = positive_part(magnitude(predictions - targets) - half_width)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def berhu_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    threshold: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Reverse Huber loss: absolute error for small residuals :math:`r`, squared error for large ones.

    .. math:: \ell(r) = \begin{cases} |r| & |r| \le c \\ \dfrac{r^2 + c^2}{2c} & |r| > c \end{cases}

    Value and slope are continuous at the threshold :math:`c`. Laina et al. take a fifth of the largest residual
    of the batch for it: ``threshold=0.2 * jax.lax.stop_gradient(jnp.max(jnp.abs(predictions - targets)))``.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        threshold: Residual :math:`c` where the loss turns quadratic, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``threshold`` is not positive.

    Example:
        >>> jaxloss.berhu_loss(jnp.array([0.5, 3.0]), jnp.zeros(2), reduction="none")
        Array([0.5, 5. ], dtype=float32)

    Reference:
        Laina, Rupprecht, Belagiannis, Tombari and Navab (2016), Deeper Depth Prediction with Fully Convolutional
        Residual Networks. https://arxiv.org/abs/1606.00373
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    threshold = checks.scalar("threshold", threshold, predictions.dtype, above=0)
    apart = distance(predictions, targets)
    near = apart <= threshold
    far = jnp.where(near, threshold, apart)
    values = jnp.where(near, apart, 0.5 * far * (far / threshold) + 0.5 * threshold)
    return reduce(values, where=where, weights=weights, reduction=reduction)
