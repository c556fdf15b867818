"""The weak form of a differential equation: integrals of its residual against test functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, plain_mean, pool_mass, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.physics._points import at_each, kept_points

__all__ = ["weak_form_loss"]


def weak_form_loss(
    integrand: Callable[[Any, Array], Array],
    params: Any,
    points: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared residual of the weak form of a differential equation (variational physics-informed networks, VPINN).

    .. math:: \ell = \frac{1}{K} \sum_{k=1}^{K} \left( \frac{\sum_q w_q \, g_k(x_q)}{\sum_q w_q} \right)^2

    where :math:`g_k` is what stands under the integral with the test function :math:`v_k`, such as
    :math:`\nabla u \cdot \nabla v_k - f v_k` for :math:`-\Delta u = f`, with test functions that are 0 on the boundary.
    Integration by parts moves derivatives from the field to the test functions: the field needs one derivative less
    than `jaxloss.pde_residual_loss` takes, and may have kinks. The integrals are divided by the volume of the domain;
    for the paper's, multiply the integrand by it. Points are those of a quadrature rule, or random ones of the domain.
    Boundary conditions are further terms.

    Args:
        integrand: ``(params, x) -> values`` for one point ``x`` of shape ``[D]``: one entry for each test function.
            Write it with `jaxloss.fields`, such as `jaxloss.fields.gradient`.
        params: The parameters of the field and of the equation, any pytree; gradients flow to them.
        points: Quadrature points, shape ``[..., Q, D]``, floating; leading axes are elements of the domain, whose
            integrals are squared separately. A masked point is replaced by the first that is not masked.
        where, weights: Shape ``[..., Q]``; an element without a point is absent. The weights are those of the
            quadrature, of which only ratios matter; see `jaxloss.reduce`.
        reduction: Over the elements ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the integrand; 0 where the field solves the equation for all test functions
        and the quadrature is exact.

    Raises:
        TypeError: If ``points`` or the integrand are not floating.
        ValueError: If ``points`` do not have an axis of points and one of coordinates, or the latter is empty.

    Example:
        >>> u = lambda height, x: height * x[0] * (1 - x[0])  # solves -u'' = 2 with height 1
        >>> slope = jaxloss.fields.derivative(u, 0)
        >>> integrand = lambda height, x: slope(height, x) * (1 - 2 * x[0]) - 2 * x[0] * (1 - x[0])
        >>> gauss = jnp.array([[0.5 - 12**-0.5], [0.5 + 12**-0.5]])
        >>> for height in (1.0, 2.5):
        ...     print(f"{jaxloss.weak_form_loss(integrand, height, gauss):.4f}")
        0.0000
        0.2500

    Reference:
        Kharazmi, Zhang and Karniadakis (2019), Variational Physics-Informed Neural Networks for Solving Partial
        Differential Equations. https://arxiv.org/abs/1912.00873
    """
    (points,) = kept_points(where, points=points)
    checks.with_axes("points coordinates", allow_empty=True, points=points)
    batch = points.shape[:-1]
    values = at_each(integrand, params, points)
    values = hide(where, values, event_ndim=values.ndim - len(batch))
    per_test = jnp.moveaxis(jnp.reshape(values, (*batch, math.prod(values.shape[len(batch) :]))), -1, -2)
    mass, present = pool_mass(where, weights, per_test[..., 0, :])
    each = mass if mass is None else jnp.broadcast_to(mass[..., None, :], per_test.shape)
    return reduce(plain_mean(jnp.square(pool_mean(per_test, each)), -1), where=present, reduction=reduction)
