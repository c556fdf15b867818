"""What is known of a function's derivatives: their values, their sign, the sign of its curvature."""

from __future__ import annotations

from typing import Any

import jax

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.physics._points import at_each, kept_points, reduce_squares, targets_like
from jaxloss.physics.fields import Field, gradient

__all__ = ["convexity_penalty", "monotonicity_penalty", "sobolev_loss"]


def sobolev_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    targets: ArrayLike,
    target_gradients: ArrayLike,
    *,
    gradient_weight: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sobolev training: squared errors of a function's values and of its gradient.

    .. math:: \ell = \lVert u(x) - g \rVert_2^2 + \lambda \lVert \nabla u(x) - G \rVert_F^2

    For targets whose derivatives are known too: simulators, value functions, a teacher network. The squares are summed
    over all entries of the value and over the coordinates. Of ``jaxloss.fields.gradient(u)``, with gradients and
    Hessians as targets, it matches the second derivatives.

    Args:
        u: ``(params, x) -> value`` for one point ``x`` of shape ``[D]``.
        params: The parameters of the function, any pytree.
        points: Shape ``[..., D]``, floating. A masked point is replaced by the first that is not masked.
        targets: Values :math:`g`, shape ``[..., *value]``; never broadcast.
        target_gradients: Gradients :math:`G`, shape ``[..., *value, D]``.
        gradient_weight: Factor :math:`\lambda` >= 0, in squared units of the points.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the targets; 0 exactly where both are matched.

    Raises:
        TypeError: If ``points`` or the values are not floating.
        ValueError: If the shapes do not match, or ``gradient_weight`` is negative.

    Example:
        >>> u = lambda params, x: params * x[0] ** 2
        >>> points, targets, gradients = jnp.array([[1.0]]), jnp.array([1.0]), jnp.array([[2.0]])
        >>> jaxloss.sobolev_loss(u, 3.0, points, targets, gradients, gradient_weight=0.5)
        Array(12., dtype=float32)

    Reference:
        Czarnecki et al. (2017), Sobolev Training for Neural Networks. https://arxiv.org/abs/1706.04859
    """
    (points,) = kept_points(where, points=points)
    batch_ndim = points.ndim - 1
    values, slopes = at_each(u, params, points), at_each(gradient(u), params, points)
    factor = checks.scalar("gradient_weight", gradient_weight, values.dtype, at_least=0)
    misses = values - targets_like(values, targets, where, batch_ndim)
    (target_gradients,) = checks.numeric(target_gradients=target_gradients)
    checks.has_shape(slopes.shape, "the gradients at all points", target_gradients=target_gradients)
    bends = slopes - targets_like(slopes, target_gradients, where, batch_ndim)
    squares = lambda x: reduce_squares(x, batch_ndim, None, None, "none")
    return reduce(squares(misses) + factor * squares(bends), where=where, weights=weights, reduction=reduction)


def monotonicity_penalty(
    u: Field,
    params: Any,
    points: ArrayLike,
    directions: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Monotonicity penalty: squared slope of a function where it falls along given directions.

    .. math:: \ell = \left\lVert \max\left( 0, -\nabla u(x) \, v \right) \right\rVert_2^2

    A unit vector for v asks u to rise in that coordinate, minus it asks u to fall. For several coordinates add terms,
    or repeat the points. It holds at the points only: draw them from the whole domain, not only from the data.

    Args:
        u: ``(params, x) -> value`` for one point ``x`` of shape ``[D]``; the value may have any shape.
        params: The parameters of the function, any pytree.
        points: Shape ``[..., D]``, floating. A masked point is replaced by the first that is not masked.
        directions: Directions :math:`v`, shape ``[..., D]``; not normalised here.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where the function does not fall.

    Raises:
        TypeError: If ``points``, ``directions`` or the values are not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> u = lambda params, x: params * x[0] ** 2
        >>> points, up = jnp.array([[1.0], [-1.0]]), jnp.ones((2, 1))
        >>> jaxloss.monotonicity_penalty(u, 1.0, points, up, reduction="none")
        Array([0., 4.], dtype=float32)

    Reference:
        Gupta et al. (2019), How to Incorporate Monotonicity in Deep Networks While Preserving Flexibility?
        https://arxiv.org/abs/1909.10662
    """
    points, directions = kept_points(where, points=points, directions=directions)
    slopes = at_each(lambda params, x, v: _along(lambda y: u(params, y), x, v), params, points, directions)
    return reduce_squares(numerics.positive_part(-slopes), points.ndim - 1, where, weights, reduction)


def _along(fn: Any, x: Array, direction: Array) -> Array:
    return jax.jvp(fn, (x,), (direction.astype(x.dtype),))[1]


def convexity_penalty(
    u: Field,
    params: Any,
    points: ArrayLike,
    directions: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Convexity penalty: squared curvature of a function where it is concave along given directions.

    .. math:: \ell = \left\lVert \max\left( 0, -v^\top \nabla^2 u(x) \, v \right) \right\rVert_2^2

    Random directions, drawn anew in every step, ask for convexity in all of them; unit vectors, in single coordinates.
    Of minus the function it is a penalty on convexity.

    Args:
        u: ``(params, x) -> value`` for one point ``x`` of shape ``[D]``, twice differentiable; the value may have any
            shape. A network of rectified linear units has no curvature.
        params: The parameters of the function, any pytree.
        points: Shape ``[..., D]``, floating. A masked point is replaced by the first that is not masked.
        directions: Directions :math:`v`, shape ``[..., D]``, such as ``jax.random.normal(key, points.shape)``; not
            normalised here.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where the function is convex along the direction.

    Raises:
        TypeError: If ``points``, ``directions`` or the values are not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> u = lambda params, x: params * x[0] ** 3
        >>> points, directions = jnp.array([[1.0], [-1.0]]), jnp.ones((2, 1))
        >>> jaxloss.convexity_penalty(u, 1.0, points, directions, reduction="none")
        Array([ 0., 36.], dtype=float32)

    Reference:
        Boyd and Vandenberghe (2004), Convex Optimization, section 3.1.4. https://web.stanford.edu/~boyd/cvxbook/
    """
    points, directions = kept_points(where, points=points, directions=directions)

    def curvature(params: Any, x: Array, v: Array) -> Array:
        return _along(lambda y: _along(lambda z: u(params, z), y, v), x, v)

    curvatures = at_each(curvature, params, points, directions)
    return reduce_squares(numerics.positive_part(-curvatures), points.ndim - 1, where, weights, reduction)
