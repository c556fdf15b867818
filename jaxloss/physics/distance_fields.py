"""Fields of signed distances to a surface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxloss._floor.maths.numerics import norm
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.physics._points import at_each, kept_points
from jaxloss.physics.fields import gradient

__all__ = ["eikonal_loss"]


def eikonal_loss(
    field: Callable[[Any, Array], Array],
    params: Any,
    points: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Eikonal loss: squared distance of the length of a field's gradient from 1, which makes it a distance function.

    .. math:: \ell = \left( \lVert \nabla_x u(x) \rVert_2 - 1 \right)^2

    Signed distances to a surface have a gradient of length 1 almost everywhere. Points are usually drawn near the data
    and in its bounding box; ``jaxloss.absolute_error`` of the field at points of the surface from 0 is the other term.

    Args:
        field: ``(params, x) -> u``, a scalar for one point ``x`` of shape ``[D]``, twice differentiable.
        params: The parameters of the field, any pytree; gradients flow to them.
        points: Shape ``[..., D]``, floating; gradients flow to them too. A masked point is replaced by the first that
            is not masked.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly for distances. Where the field is flat the loss is 1, and its gradient 0.

    Raises:
        TypeError: If ``points`` or the field are not floating.
        ValueError: If ``points`` have no coordinate axis, or it is empty; or if the field is not a scalar.

    Example:
        >>> circle = lambda radius, x: 2.0 * (jnp.sqrt(jnp.sum(x**2)) - radius)
        >>> jaxloss.eikonal_loss(circle, 1.0, jnp.array([[3.0, 4.0], [0.0, 2.0]]))
        Array(1., dtype=float32)

    Reference:
        Gropp, Yariv, Haim, Atzmon and Lipman (2020), Implicit Geometric Regularization for Learning Shapes.
        https://arxiv.org/abs/2002.10099
    """
    (points,) = kept_points(where, points=points)
    slopes = at_each(gradient(field), params, points)
    return reduce(jnp.square(norm(slopes) - 1), where=where, weights=weights, reduction=reduction)
