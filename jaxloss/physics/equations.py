"""The residual of a differential equation at collocation points: physics-informed networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.physics._points import at_each, kept_points, reduce_squares

__all__ = ["pde_residual_loss"]


def pde_residual_loss(
    residual: Callable[[Any, Array], Array],
    params: Any,
    points: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared residual of a differential equation at collocation points (physics-informed networks).

    .. math:: \ell = \lVert \mathcal N[u](x) \rVert_2^2

    Write the residual with `jaxloss.fields`, such as `jaxloss.fields.laplacian`; it is 0 where the field solves
    the equation. A system of equations
    is a residual that is a vector; its squares are summed. Boundary and initial conditions and data are further terms
    beside this one: `jaxloss.combine` weighs them, and its ``causal``, ``self_adaptive`` and ``ntk_normalize`` are
    made for these terms. A gradient-enhanced network (gPINN) adds the squared gradient of the residual, which is
    ``pde_residual_loss(jaxloss.fields.gradient(residual), params, points)``; both at once are `jaxloss.sobolev_loss`
    of the residual against zeros. `jaxloss.weak_form_loss` takes the residual against test functions instead.

    Args:
        residual: ``(params, x) -> value`` for one point ``x`` of shape ``[D]``: the left side of the equation minus the
            right side.
        params: The parameters of the field and of the equation, any pytree; gradients flow to them.
        points: Collocation points, shape ``[..., D]``, floating; gradients flow to them too. A masked point is replaced
            by the first that is not masked.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the residual.

    Raises:
        TypeError: If ``points`` or the residual are not floating.
        ValueError: If ``points`` have no coordinate axis, or it is empty.

    Example:
        >>> u = lambda speed, x: jnp.sin(x[0] - 2.0 * x[1])
        >>> u_x, u_t = jaxloss.fields.derivative(u, 0), jaxloss.fields.derivative(u, 1)
        >>> advection = lambda speed, x: u_t(speed, x) + speed * u_x(speed, x)
        >>> points = jnp.array([[0.0, 0.0], [0.5, 0.25]])
        >>> print(jaxloss.pde_residual_loss(advection, 2.0, points), jaxloss.pde_residual_loss(advection, 3.0, points))
        0.0 1.0

    Reference:
        Raissi, Perdikaris and Karniadakis (2019), Physics-informed neural networks.
        https://doi.org/10.1016/j.jcp.2018.10.045
        Yu, Lu, Meng and Karniadakis (2022), Gradient-enhanced physics-informed neural networks for forward and inverse
        PDE problems. https://doi.org/10.1016/j.cma.2022.114823
    """
    (points,) = kept_points(where, points=points)
    return reduce_squares(at_each(residual, params, points), points.ndim - 1, where, weights, reduction)
