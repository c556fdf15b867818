"""Constraints as terms of a loss: penalties on their violation, and a barrier before it."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["equality_penalty", "inequality_penalty", "log_barrier_penalty"]


def equality_penalty(
    equalities: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quadratic penalty on violated equality constraints h = 0.

    .. math:: \ell = h^2

    With a finite factor the minimum of loss and penalty violates the constraint slightly; that of
    `jaxloss.augmented_lagrangian` does not.

    Args:
        equalities: Values :math:`h` that should be 0, shape ``[...]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where the constraints hold.

    Raises:
        TypeError: If ``equalities`` are not floating.

    Example:
        >>> jaxloss.equality_penalty(jnp.array([0.0, 2.0, -1.0]), reduction="none")
        Array([0., 4., 1.], dtype=float32)

    Reference:
        Courant (1943), Variational Methods for the Solution of Problems of Equilibrium and Vibrations.
        https://doi.org/10.1090/S0002-9904-1943-07818-4
    """
    (equalities,) = blank(where, *checks.floating(equalities=equalities))
    return reduce(jnp.square(equalities), where=where, weights=weights, reduction=reduction)


def inequality_penalty(
    inequalities: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quadratic penalty on violated inequality constraints g <= 0.

    .. math:: \ell = \max(0, g)^2

    On the slope or the curvature of a function it is `jaxloss.monotonicity_penalty` or `jaxloss.convexity_penalty`.

    Args:
        inequalities: Values :math:`g` that should not be positive, shape ``[...]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where the constraints hold.

    Raises:
        TypeError: If ``inequalities`` are not floating.

    Example:
        >>> jaxloss.inequality_penalty(jnp.array([0.0, 2.0, -1.0]), reduction="none")
        Array([0., 4., 0.], dtype=float32)

    Reference:
        Courant (1943), Variational Methods for the Solution of Problems of Equilibrium and Vibrations.
        https://doi.org/10.1090/S0002-9904-1943-07818-4
    """
    (inequalities,) = blank(where, *checks.floating(inequalities=inequalities))
    values = jnp.square(numerics.positive_part(inequalities))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def log_barrier_penalty(
    inequalities: ArrayLike,
    *,
    sharpness: Scalar = 5.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Logarithmic barrier of constraints g <= 0, extended by its tangent so that it stays finite beyond them.

    .. math:: \ell = \begin{cases} -\frac1t \log(-g) & g \le -1 / t^2 \\
              t g + \frac1t + \frac2t \log t & g > -1 / t^2 \end{cases}

    Unlike the plain barrier it is finite, with a slope of at most t, for a start that violates the constraints. As t
    grows it tends to 0 inside and to infinity outside; raise it during training.

    Args:
        inequalities: Values :math:`g` that should not be positive, shape ``[...]``, floating.
        sharpness: :math:`t` > 0, in inverse units of the constraint.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of any sign; negative where g < -1.

    Raises:
        TypeError: If ``inequalities`` are not floating.
        ValueError: If ``sharpness`` is not positive.

    Example:
        >>> jaxloss.log_barrier_penalty(jnp.array([-1.0, 0.0, 1.0]), sharpness=1.0, reduction="none")
        Array([-0.,  1.,  2.], dtype=float32)

    Reference:
        Kervadec et al. (2022), Constrained deep networks: Lagrangian optimization via Log-barrier extensions.
        https://arxiv.org/abs/1904.04205
    """
    (inequalities,) = blank(where, *checks.floating(inequalities=inequalities), fill=-1)
    t = jnp.asarray(checks.scalar("sharpness", sharpness, inequalities.dtype, above=0), inequalities.dtype)
    inside = inequalities <= -1 / jnp.square(t)
    slack = jnp.where(inside, -inequalities, jnp.ones((), inequalities.dtype))
    beyond = jnp.where(inside, jnp.zeros((), inequalities.dtype), inequalities)
    values = jnp.where(inside, -jnp.log(slack) / t, t * beyond + (1 + 2 * jnp.log(t)) / t)
    return reduce(values, where=where, weights=weights, reduction=reduction)
