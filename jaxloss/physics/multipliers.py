"""The augmented Lagrangian: constraints that hold exactly, by multipliers that the caller carries."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["AugmentedLagrangianState", "augmented_lagrangian", "init_augmented_lagrangian"]


class AugmentedLagrangianState(NamedTuple):
    """What `augmented_lagrangian` carries.

    Attributes:
        equality_multipliers: Multipliers of the equalities, in their shape.
        inequality_multipliers: Multipliers >= 0 of the inequalities, in their shape.
        penalty: Factor of the squares, a scalar > 0.
        violation: The largest violation when the multipliers last moved, a scalar; infinite at first.
    """

    equality_multipliers: Array
    inequality_multipliers: Array
    penalty: Array
    violation: Array


def init_augmented_lagrangian(
    equalities: ArrayLike | None = None, inequalities: ArrayLike | None = None, *, penalty: Scalar = 1.0
) -> AugmentedLagrangianState:
    """Initial state of `augmented_lagrangian`: all multipliers are 0.

    Args:
        equalities: Constraints h = 0, any shape; only shape and dtype are looked at. None if there are none.
        inequalities: Constraints g <= 0, any shape. None if there are none.
        penalty: First factor of the squares, > 0.

    Returns:
        An `AugmentedLagrangianState`, in float32 at least.

    Raises:
        TypeError: If a constraint is not floating.
        ValueError: If both constraints are None, or ``penalty`` is not positive.

    Example:
        >>> jaxloss.init_augmented_lagrangian(jnp.ones(2)).equality_multipliers
        Array([0., 0.], dtype=float32)

    Reference:
        Hestenes (1969), Multiplier and Gradient Methods. https://doi.org/10.1007/BF00927673
    """
    h, g = _constraints(equalities, inequalities)
    factor = jnp.asarray(checks.scalar("penalty", penalty, h.dtype, above=0), h.dtype)
    return AugmentedLagrangianState(jnp.zeros_like(h), jnp.zeros_like(g), factor, jnp.asarray(jnp.inf, h.dtype))


def _constraints(equalities: ArrayLike | None, inequalities: ArrayLike | None) -> tuple[Array, ...]:
    if equalities is None and inequalities is None:
        raise ValueError("There is no constraint: give equalities (h = 0) or inequalities (g <= 0).")
    none = jnp.zeros(0, jnp.float32)
    pair = {"equalities": equalities, "inequalities": inequalities}
    return promote(*checks.floating(**{name: none if x is None else x for name, x in pair.items()}))


def augmented_lagrangian(
    equalities: ArrayLike | None,
    inequalities: ArrayLike | None,
    state: AugmentedLagrangianState,
    *,
    growth: Scalar = 2.0,
    contraction: Scalar = 0.25,
) -> tuple[Array, AugmentedLagrangianState]:
    r"""Augmented Lagrangian: terms that make constraints hold exactly at the minimum, with finite factors.

    .. math:: \ell = \sum_i \left( \lambda_i h_i + \tfrac{\rho}{2} h_i^2 \right)
              + \tfrac{1}{2 \rho} \sum_j \left( \max(0, \mu_j + \rho g_j)^2 - \mu_j^2 \right)

    for :math:`h = 0` and :math:`g \le 0`. The method of multipliers has two loops. The inner one minimises objective
    + loss under one state; at its end the new state is taken, in which

    .. math:: \lambda \leftarrow \lambda + \rho h, \qquad \mu \leftarrow \max(0, \mu + \rho g)

    and :math:`\rho` grows if the largest violation has not shrunk enough. An inner loop of a single step works, more
    slowly. Every constraint has a multiplier of its own here, which takes exact steps; `jaxloss.combine.constrain`
    holds means of whole terms at bounds, with multipliers that an optimiser moves.

    Args:
        equalities: Constraints :math:`h`, any shape, floating, as in ``init_augmented_lagrangian``; None if there are
            none.
        inequalities: Constraints :math:`g`, likewise. A padded constraint is one of value 0.
        state: From `jaxloss.init_augmented_lagrangian` or an earlier call. No gradient flows to it.
        growth: Factor >= 1 by which :math:`\rho` grows.
        contraction: The violation has shrunk enough if it is at most this share, in (0, 1], of the last one.

    Returns:
        The loss, a scalar of any sign, summed over the constraints; and the state for the next inner loop, through
        which no gradient flows.

    Raises:
        TypeError: If a constraint is not floating.
        ValueError: If shapes differ from those of the state, or a hyperparameter is out of range.

    Example:
        >>> h = jnp.array([0.5])
        >>> loss, state = jaxloss.augmented_lagrangian(h, None, jaxloss.init_augmented_lagrangian(h))
        >>> float(loss), float(state.equality_multipliers[0]), float(state.penalty)
        (0.125, 0.5, 1.0)
        >>> loss, state = jaxloss.augmented_lagrangian(h, None, state)
        >>> float(loss), float(state.equality_multipliers[0]), float(state.penalty)
        (0.375, 1.0, 2.0)

    Reference:
        Hestenes (1969), Multiplier and Gradient Methods. https://doi.org/10.1007/BF00927673
        Rockafellar (1973), The Multiplier Method of Hestenes and Powell Applied to Convex Programming.
        https://doi.org/10.1007/BF00934777
    """
    h, g = _constraints(equalities, inequalities)
    multipliers = state.equality_multipliers, state.inequality_multipliers
    checks.has_shape(multipliers[0].shape, "the equalities of the state", equalities=h)
    checks.has_shape(multipliers[1].shape, "the inequalities of the state", inequalities=g)
    lam, mu, rho, before = (jax.lax.stop_gradient(x).astype(h.dtype) for x in state)
    growth = checks.scalar("growth", growth, h.dtype, at_least=1)
    contraction = checks.scalar("contraction", contraction, h.dtype, above=0, at_most=1)
    force = numerics.positive_part(mu + rho * g)
    # (force**2 - mu**2) / (2 rho), without its cancellation where the force is close to the multiplier.
    active = mu + rho * g > 0
    pressed = jnp.where(active, g * (mu + 0.5 * rho * g), -0.5 * jnp.square(mu) / rho)
    loss = jnp.sum(h * (lam + 0.5 * rho * h)) + jnp.sum(pressed)
    violation = jnp.maximum(_largest(jnp.abs(h)), _largest(jnp.maximum(g, -mu / rho)))
    larger = jnp.where(violation > contraction * before, growth * rho, rho)
    after = AugmentedLagrangianState(lam + rho * h, force, larger, violation)
    moved = (jax.lax.stop_gradient(x).astype(old.dtype) for x, old in zip(after, state, strict=True))
    return loss, AugmentedLagrangianState(*moved)


def _largest(x: Array) -> Array:
    return jnp.max(jnp.abs(x), initial=0)
