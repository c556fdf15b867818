"""Deterministic policies: ascend the value of the action through the gradient of the critic."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["dpg_loss"]


def dpg_loss(
    a_t: ArrayLike,
    dqda_t: ArrayLike,
    *,
    dqda_clipping: Scalar = math.inf,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Deterministic policy gradient (DPG, DDPG, TD3, D4PG): move an action along the gradient of its value.

    .. math:: \ell = \tfrac12 \left\| \mathrm{sg}(a_t + g) - a_t \right\|^2, \qquad
              g = \nabla_a q \, \min\left( 1, \frac{c}{\|\nabla_a q\|} \right)

    The gradient in the action is :math:`-g`; the value is half the squared length of the clipped gradient of the
    critic. Without clipping, the mean of ``-q`` of the actions of the policy, with the parameters of the critic frozen,
    has the same gradient. The critic of TD3 is `jaxloss.sac_critic_loss` without an entropy bonus; that of DDPG is
    `jaxloss.td_loss`.

    Args:
        a_t: Actions of the policy, shape ``[..., D]``, floating.
        dqda_t: Gradients of the value in the action, at these actions, shape ``[..., D]``, the same. No gradient flows
            through them.
        dqda_clipping: The longest gradient :math:`c` of the critic, by Euclidean norm; > 0, infinite for no limit.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; exactly 0 where the gradient of the critic is.

    Raises:
        TypeError: If ``a_t`` are not floating.
        ValueError: If the shapes differ, the action axis is missing, or ``dqda_clipping`` is not positive.

    Example:
        >>> a_t, dqda_t = jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]])
        >>> jax.value_and_grad(jaxloss.dpg_loss)(a_t, dqda_t, dqda_clipping=2.5)
        (Array(3.125, dtype=float32), Array([[-1.5, -2. ]], dtype=float32))

    Reference:
        Silver et al. (2014), Deterministic Policy Gradient Algorithms. https://proceedings.mlr.press/v32/silver14.html
        Lillicrap et al. (2016), Continuous Control with Deep Reinforcement Learning. https://arxiv.org/abs/1509.02971
    """
    a_t, dqda_t = checks.values(a_t=a_t, dqda_t=dqda_t)
    checks.with_axes("actions", a_t=a_t)
    action, slope = blank(where, a_t, dqda_t, event_ndim=1)
    limit = checks.scalar("dqda_clipping", dqda_clipping, action.dtype, above=0)
    length = numerics.norm(slope, keepdims=True)
    slope = slope * jnp.minimum(1, limit / length)
    # The value is that of the gradient, to the last digit: no difference of actions.
    gap = jax.lax.stop_gradient(slope) - (action - jax.lax.stop_gradient(action))
    return reduce(0.5 * jnp.sum(jnp.square(gap), axis=-1), where=where, weights=weights, reduction=reduction)
