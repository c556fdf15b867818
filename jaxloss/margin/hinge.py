"""The hinge and its smoothings: binary losses that vanish from a margin of 1 on."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.margin.binary_margin import signed_margin

__all__ = ["hinge_loss", "modified_huber_loss", "smoothed_hinge_loss", "squared_hinge_loss"]


def hinge_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hinge loss of support vector machines: how far the margin :math:`y s` falls short of 1.

    .. math:: \ell = \max(0, 1 - y s)

    The slope at a margin of exactly 1 is 0 (optax: 1/2). Targets of 0 give NaN: optax takes them for a
    constant loss of 1, Keras guesses from the whole batch what they mean.

    Args:
        scores: Shape ``[...]``, floating.
        targets: -1 or +1, shape ``[...]``, the same; integer or floating. Any other value, 0 too, gives NaN:
            turn 0/1 targets into ``2 * targets - 1``.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the margin is at least 1.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.hinge_loss(jnp.array([0.5, 2.0, 2.0]), jnp.array([1, 1, -1]), reduction="none")
        Array([0.5, 0. , 3. ], dtype=float32)

    Reference:
        Cortes and Vapnik (1995), Support-Vector Networks. https://doi.org/10.1007/BF00994018
    """
    values = positive_part(1 - signed_margin(where, scores, targets))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def squared_hinge_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared hinge loss: smooth at a margin of 1, less robust to outliers than the hinge.

    .. math:: \ell = \max(0, 1 - y s)^2

    Args:
        scores: Shape ``[...]``, floating.
        targets: -1 or +1, shape ``[...]``, the same; integer or floating. Any other value, 0 too, gives NaN:
            turn 0/1 targets into ``2 * targets - 1``.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the margin is at least 1.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.squared_hinge_loss(jnp.array([0.5, 2.0, 2.0]), jnp.array([1, 1, -1]), reduction="none")
        Array([0.25, 0.  , 9.  ], dtype=float32)

    Reference:
        Chang, Hsieh and Lin (2008), Coordinate Descent Method for Large-scale L2-loss Linear Support Vector
        Machines. https://www.jmlr.org/papers/v9/chang08a.html
    """
    lack = positive_part(1 - signed_margin(where, scores, targets))
    values = jnp.where(lack == 0, lack, jnp.square(lack))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def smoothed_hinge_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Smoothed hinge loss: the hinge, quadratic over a width :math:`\gamma`.

    .. math:: \ell = \begin{cases} d^2 / (2 \gamma) & d \le \gamma \\ d - \gamma / 2 & d > \gamma \end{cases},
              \qquad d = \max(0, 1 - y s)

    Args:
        scores: Shape ``[...]``, floating.
        targets: -1 or +1, shape ``[...]``, the same; integer or floating. Any other value, 0 too, gives NaN:
            turn 0/1 targets into ``2 * targets - 1``.
        gamma: Width of the quadratic part, in units of the margin; > 0. Towards 0 the loss is the hinge.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the margin is at least 1.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ, or ``gamma`` is not positive.

    Example:
        >>> jaxloss.smoothed_hinge_loss(jnp.array([0.5, 2.0, 2.0]), jnp.array([1, 1, -1]), reduction="none")
        Array([0.125, 0.   , 2.5  ], dtype=float32)

    Reference:
        Shalev-Shwartz and Zhang (2013), Stochastic Dual Coordinate Ascent Methods for Regularized Loss
        Minimization. https://www.jmlr.org/papers/v14/shalev-shwartz13a.html
    """
    lack = positive_part(1 - signed_margin(where, scores, targets))
    gamma = checks.scalar("gamma", gamma, lack.dtype, above=0)
    near = lack <= gamma
    short = jnp.where(near, lack, gamma)
    values = jnp.where(near, (short / gamma) * (0.5 * short), lack - 0.5 * gamma)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def modified_huber_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Modified Huber loss: the squared hinge, linear below a margin of -1, where it is robust to outliers.

    .. math:: \ell = \begin{cases} \max(0, 1 - y s)^2 & y s \ge -1 \\ -4 y s & y s < -1 \end{cases}

    Args:
        scores: Shape ``[...]``, floating; twice the estimated probability of +1, less 1, at the minimum.
        targets: -1 or +1, shape ``[...]``, the same; integer or floating. Any other value, 0 too, gives NaN:
            turn 0/1 targets into ``2 * targets - 1``.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the margin is at least 1.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.modified_huber_loss(jnp.array([0.5, 2.0, 2.0]), jnp.array([1, 1, -1]), reduction="none")
        Array([0.25, 0.  , 8.  ], dtype=float32)

    Reference:
        Zhang (2004), Solving Large Scale Linear Prediction Problems Using Stochastic Gradient Descent Algorithms.
        https://doi.org/10.1145/1015330.1015332
    """
    lack = positive_part(1 - signed_margin(where, scores, targets))
    near = lack <= 2
    values = jnp.where(near, jnp.square(jnp.where(near, lack, 2.0)), 4 * lack - 4)
    return reduce(values, where=where, weights=weights, reduction=reduction)
