"""Initial conditions of a differential equation that depends on time."""

from __future__ import annotations

from typing import Any

from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.physics.boundaries import dirichlet_boundary_loss
from jaxloss.physics.fields import Field, derivative

__all__ = ["initial_condition_loss"]


def initial_condition_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    targets: ArrayLike,
    *,
    time: int = -1,
    order: int = 0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Initial condition: squared error of a field, or of its time derivative, at the start.

    .. math:: \ell = \lVert \partial_t^k u(x, t_0) - g \rVert_2^2

    An equation of second order in time, such as that of waves, needs this loss for k = 0 and for k = 1.

    Args:
        u, params: See `dirichlet_boundary_loss`.
        points: Points at the start, their time included, shape ``[..., D]``, floating.
        targets: Values :math:`g` there, shape ``[..., *value]``; never broadcast.
        time: Which coordinate is time; the last by default.
        order: The derivative :math:`k` that is given, >= 0.
        where, weights, reduction: As in `dirichlet_boundary_loss`.

    Returns:
        A scalar >= 0; for k = 0 in squared units of the field.

    Raises:
        TypeError: If ``points`` or the values are not floating.
        ValueError: If the shapes do not match, or ``order`` is negative.

    Example:
        >>> wave = lambda speed, x: jnp.sin(x[0] - speed * x[1])
        >>> start = jnp.array([[0.0, 0.0]])
        >>> jaxloss.initial_condition_loss(wave, 2.0, start, jnp.array([-1.0]), order=1)
        Array(1., dtype=float32)

    Reference:
        Raissi, Perdikaris and Karniadakis (2019), Physics-informed neural networks.
        https://doi.org/10.1016/j.jcp.2018.10.045
    """
    return dirichlet_boundary_loss(
        derivative(u, time, order=order),
        params,
        points,
        targets,
        where=where,
        weights=weights,
        reduction=reduction,
    )
