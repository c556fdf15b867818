"""Errors of landmarks: small ones are amplified, so that points that are nearly right still become exact."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import distance
from jaxloss._floor.maths.numerics import trace_of_nan
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["wing_loss"]


def wing_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    width: Scalar = 10.0,
    curvature: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Wing loss of landmark coordinates: a logarithm for small residuals :math:`r`, absolute error for large ones.

    .. math:: \ell(r) = \begin{cases} w \log(1 + |r| / \epsilon) & |r| < w \\
              |r| - w + w \log(1 + w / \epsilon) & |r| \ge w \end{cases}

    Where `jaxloss.huber_loss` flattens, this one is steepest: its slope grows from :math:`w / (\epsilon + w)` to
    :math:`w / \epsilon` as the residual shrinks.

    Args:
        predictions: Coordinates, shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        width: The residual :math:`w` where the loss turns linear, in units of ``targets``, 10 pixels in the paper; > 0.
        curvature: The residual :math:`\epsilon` at which the slope has fallen to half of its largest; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or a hyperparameter is not positive.

    Example:
        >>> jaxloss.wing_loss(jnp.array([2.0, 20.0]), jnp.zeros(2), reduction="none")
        Array([ 6.931472, 27.917595], dtype=float32)

    Reference:
        Feng, Kittler, Awais, Huber and Wu (2018), Wing Loss for Robust Facial Landmark Localisation with Convolutional
        Neural Networks. https://arxiv.org/abs/1711.06753
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    width = checks.scalar("width", width, predictions.dtype, above=0)
    curvature = checks.scalar("curvature", curvature, predictions.dtype, above=0)
    error = distance(predictions, targets)
    near = jnp.minimum(error, width)
    values = width * jnp.log1p(near / curvature) + jnp.maximum(error - width, 0) + trace_of_nan(error)
    return reduce(values, where=where, weights=weights, reduction=reduction)
