"""Boundary conditions of a differential equation: Dirichlet, Neumann, Robin, periodic."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.physics._points import at_each, kept_points, reduce_squares, targets_like
from jaxloss.physics.fields import Field

__all__ = [
    "dirichlet_boundary_loss",
    "neumann_boundary_loss",
    "periodic_boundary_loss",
    "robin_boundary_loss",
]


def dirichlet_boundary_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Dirichlet boundary condition: squared error of a field's values at the boundary, or at sensors.

    .. math:: \ell = \lVert u(x) - g \rVert_2^2

    Args:
        u: ``(params, x) -> value`` for one point ``x`` of shape ``[D]``.
        params: The parameters of the field, any pytree.
        points: Points of the boundary, shape ``[..., D]``, floating. A masked point is replaced by the first that is
            not masked, so that ``u`` is evaluated at points of its domain only.
        targets: Values :math:`g` there, shape ``[..., *value]``; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the field; 0 exactly where the condition holds.

    Raises:
        TypeError: If ``points`` or the values are not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> u = lambda params, x: params * x[0]
        >>> jaxloss.dirichlet_boundary_loss(u, 2.0, jnp.array([[0.0], [1.0]]), jnp.array([0.0, 1.0]))
        Array(0.5, dtype=float32)

    Reference:
        Raissi, Perdikaris and Karniadakis (2019), Physics-informed neural networks.
        https://doi.org/10.1016/j.jcp.2018.10.045
    """
    (points,) = kept_points(where, points=points)
    batch_ndim = points.ndim - 1
    values = at_each(u, params, points)
    residuals = values - targets_like(values, targets, where, batch_ndim)
    return reduce_squares(residuals, batch_ndim, where, weights, reduction)


def neumann_boundary_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    normals: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Neumann boundary condition: squared error of a field's normal derivative.

    .. math:: \ell = \lVert n \cdot \nabla u(x) - h \rVert_2^2

    Args:
        u, params: See `dirichlet_boundary_loss`.
        points: Points of the boundary, shape ``[..., D]``, floating.
        normals: Outward unit normals :math:`n`, shape ``[..., D]``, 0 in the coordinate of time; not normalised here.
        targets: Normal derivatives :math:`h` there, shape ``[..., *value]``; never broadcast.
        where, weights, reduction: As in `dirichlet_boundary_loss`.

    Returns:
        A scalar >= 0, in squared units of the field per unit of length.

    Raises:
        TypeError: If ``points``, ``normals`` or the values are not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> u = lambda params, x: params * x[0] ** 2
        >>> jaxloss.neumann_boundary_loss(u, 1.0, jnp.array([[1.0]]), jnp.array([[1.0]]), jnp.array([3.0]))
        Array(1., dtype=float32)

    Reference:
        Raissi, Perdikaris and Karniadakis (2019), Physics-informed neural networks.
        https://doi.org/10.1016/j.jcp.2018.10.045
    """
    points, normals = kept_points(where, points=points, normals=normals)
    batch_ndim = points.ndim - 1
    slopes = at_each(lambda params, x, n: _value_and_slope(u, params, x, n)[1], params, points, normals)
    residuals = slopes - targets_like(slopes, targets, where, batch_ndim)
    return reduce_squares(residuals, batch_ndim, where, weights, reduction)


def _value_and_slope(u: Field, params: Any, x: Array, direction: Array) -> tuple[Array, Array]:
    return jax.jvp(lambda y: u(params, y), (x,), (direction.astype(x.dtype),))


def robin_boundary_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    normals: ArrayLike,
    targets: ArrayLike,
    *,
    value_factor: Scalar = 1.0,
    slope_factor: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Robin boundary condition: squared error of a weighted sum of a field's value and normal derivative.

    .. math:: \ell = \lVert a \, u(x) + b \, n \cdot \nabla u(x) - g \rVert_2^2

    Args:
        u, params: See `dirichlet_boundary_loss`.
        points: Points of the boundary, shape ``[..., D]``, floating.
        normals: Outward unit normals :math:`n`, shape ``[..., D]``, 0 in the coordinate of time; not normalised here.
        targets: Right sides :math:`g`, shape ``[..., *value]``; never broadcast.
        value_factor: :math:`a`, a number.
        slope_factor: :math:`b`, a number, in units of length if :math:`a` has none.
        where, weights, reduction: As in `dirichlet_boundary_loss`.

    Returns:
        A scalar >= 0, in squared units of ``targets``.

    Raises:
        TypeError: If ``points``, ``normals`` or the values are not floating.
        ValueError: If the shapes do not match, or a factor is not a number.

    Example:
        >>> u = lambda params, x: params * x[0] ** 2
        >>> points, normals = jnp.array([[1.0]]), jnp.array([[1.0]])
        >>> jaxloss.robin_boundary_loss(u, 1.0, points, normals, jnp.array([4.0]), value_factor=2.0, slope_factor=0.5)
        Array(1., dtype=float32)

    Reference:
        Gustafson and Abe (1998), The Third Boundary Condition: Was It Robin's?
        https://doi.org/10.1007/BF03024402
    """
    points, normals = kept_points(where, points=points, normals=normals)
    batch_ndim = points.ndim - 1
    values = at_each(lambda params, x, n: jnp.stack(_value_and_slope(u, params, x, n)), params, points, normals)
    a = checks.scalar("value_factor", value_factor, values.dtype)
    b = checks.scalar("slope_factor", slope_factor, values.dtype)
    sides = a * jnp.take(values, 0, axis=batch_ndim) + b * jnp.take(values, 1, axis=batch_ndim)
    residuals = sides - targets_like(sides, targets, where, batch_ndim)
    return reduce_squares(residuals, batch_ndim, where, weights, reduction)


def periodic_boundary_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    opposite_points: ArrayLike,
    *,
    order: int = 0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Periodic boundary condition: squared difference of a field and its derivatives one period apart.

    .. math:: \ell = \sum_{k=0}^{K} \lVert \partial_d^k u(x) - \partial_d^k u(x') \rVert_2^2, \qquad
              d = \frac{x' - x}{\lVert x' - x \rVert}

    Args:
        u, params: See `dirichlet_boundary_loss`.
        points: Points :math:`x` of the boundary, shape ``[..., D]``, floating.
        opposite_points: The points :math:`x'` across the period, shape ``[..., D]``, the same.
        order: Highest derivative :math:`K` that is compared, >= 0: the order of the equation in the periodic
            coordinate minus 1.
        where, weights, reduction: As in `dirichlet_boundary_loss`.

    Returns:
        A scalar >= 0; for K = 0 in squared units of the field.

    Raises:
        TypeError: If the points or the values are not floating.
        ValueError: If the shapes differ or ``order`` is negative.

    Example:
        >>> u = lambda params, x: jnp.sin(params * x[0])
        >>> left, right = jnp.array([[0.0]]), jnp.array([[jnp.pi]])
        >>> print(f"{jaxloss.periodic_boundary_loss(u, 1.0, left, right):.4f}")
        0.0000
        >>> print(f"{jaxloss.periodic_boundary_loss(u, 1.0, left, right, order=1):.4f}")
        4.0000

    Reference:
        Raissi, Perdikaris and Karniadakis (2019), Physics-informed neural networks.
        https://doi.org/10.1016/j.jcp.2018.10.045
    """
    if order < 0:
        raise ValueError(f"order must be >= 0; found {order}.")
    points, opposite_points = kept_points(where, points=points, opposite_points=opposite_points)

    def differences(params: Any, x: Array, opposite: Array) -> Array:
        direction = jax.lax.stop_gradient(numerics.normalize(opposite - x))
        fn = lambda y: u(params, y)
        gaps = []
        for _ in range(order + 1):
            gaps.append(fn(x) - fn(opposite))
            fn = lambda y, fn=fn: jax.jvp(fn, (y,), (direction,))[1]
        return jnp.stack(gaps)

    return reduce_squares(
        at_each(differences, params, points, opposite_points), points.ndim - 1, where, weights, reduction
    )
