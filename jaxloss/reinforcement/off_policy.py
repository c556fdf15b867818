"""V-trace: values and advantages from trajectories of another policy, corrected by clipped importance ratios."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import backwards, mixing, over_steps

__all__ = ["VTraceOutput", "vtrace_error", "vtrace_loss", "vtrace_td_error_and_advantage"]


class VTraceOutput(NamedTuple):
    """What V-trace gives for every step, each of shape ``[..., T]``."""

    errors: Array
    """Errors of the values, whose half squares are the loss of the critic."""
    pg_advantage: Array
    """Advantages for the policy gradient, ratios included; constants of differentiation."""
    q_estimate: Array
    """Estimates of the values of the actions taken; constants of differentiation."""


def _steps(
    where: ArrayLike | None, v_tm1: ArrayLike, v_t: ArrayLike, r_t: ArrayLike, discount_t: ArrayLike, rho_tm1: ArrayLike
) -> list[Array]:
    inputs = checks.values(v_tm1=v_tm1, v_t=v_t, r_t=r_t, discount_t=discount_t, rho_tm1=rho_tm1)
    checks.with_axes("time", allow_empty=True, v_tm1=inputs[0])
    return list(blank(where, *inputs))


def vtrace_error(
    v_tm1: ArrayLike,
    v_t: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    rho_tm1: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    clip_rho_threshold: Scalar = 1.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""Errors of values against their V-trace targets; rlax's ``vtrace``.

    .. math:: e_{t-1} = \bar\rho_{t-1} \delta_t + \gamma_t c_{t-1} e_t, \qquad
              \delta_t = r_t + \gamma_t v_t - v_{t-1}

    with :math:`\bar\rho = \min(\bar\rho_{\max}, \rho)` and :math:`c = \lambda \min(1, \rho)`. The target
    :math:`e + v` passes no gradient: the slope in ``v_tm1`` is -1 and all others are 0. Where the two policies agree
    it is the error against the :math:`\lambda`-return.

    Args:
        v_tm1: Values of the states that are left, shape ``[..., T]``, floating; time is the last axis.
        v_t: Values of the states that are reached, shape ``[..., T]``, the same.
        r_t: Rewards, shape ``[..., T]``, the same.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends.
        rho_tm1: Ratios :math:`\pi(a) / \mu(a)` of the probability of the action under the policy that learns and
            the one that acted, shape ``[..., T]``, the same; >= 0.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``.
        clip_rho_threshold: The largest ratio :math:`\bar\rho_{\max}` that counts in full; > 0. It decides which
            policy the values belong to.
        where: Boolean, shape ``[..., T]``. A step where it is False is passed over, as if it had been deleted.

    Returns:
        Errors, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, there is no time axis, or a hyperparameter is out of range.

    Example:
        >>> v_tm1, v_t, r_t, discount_t = jnp.zeros(2), jnp.zeros(2), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.vtrace_error(v_tm1, v_t, r_t, discount_t, jnp.array([0.5, 4.0]))
        Array([0.75, 1.  ], dtype=float32)

    Reference:
        Espeholt et al. (2018), IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner
        Architectures. https://arxiv.org/abs/1802.01561
    """
    v_tm1, v_t, r_t, discount_t, rho_tm1 = _steps(where, v_tm1, v_t, r_t, discount_t, rho_tm1)
    mix = mixing(lambda_, where, v_tm1)
    limit = checks.scalar("clip_rho_threshold", clip_rho_threshold, v_tm1.dtype, above=0)
    deltas = jnp.minimum(rho_tm1, limit) * (r_t + discount_t * v_t - v_tm1)
    errors = backwards(discount_t * mix * jnp.minimum(rho_tm1, 1), deltas, where)
    # The value is that of the errors, to the last digit, and the gradient that of the subtrahend.
    return jax.lax.stop_gradient(errors) - (v_tm1 - jax.lax.stop_gradient(v_tm1))


def vtrace_loss(
    v_tm1: ArrayLike,
    v_t: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    rho_tm1: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    clip_rho_threshold: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Half the squared error of values against their V-trace targets, averaged over a trajectory.

    .. math:: \ell = \frac{\sum_t w_t \, \tfrac12 e_t^2}{\sum_t w_t}, \qquad
              e_{t-1} = \bar\rho_{t-1} \delta_t + \gamma_t c_{t-1} e_t

    with the errors of `vtrace_error`; the loss of IMPALA's critic. The target passes no gradient: the gradient in
    ``v_tm1`` is :math:`-e`, averaged, and in all else 0.

    Args:
        v_tm1: Values of the states that are left, shape ``[..., T]``, floating; time is the last axis.
        v_t: Values of the states that are reached, shape ``[..., T]``, the same.
        r_t: Rewards, shape ``[..., T]``, the same.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends.
        rho_tm1: Importance ratios of the actions taken, shape ``[..., T]``, the same; >= 0.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``.
        clip_rho_threshold: The largest ratio that counts in full; > 0.
        where, weights: Shape ``[..., T]``. A masked step is passed over, as if it had been deleted; a weight weighs
            the error of a step, not its part in the targets of others. See `jaxloss.reduce`.
        reduction: Over the trajectories ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of reward; 0 exactly where all one-step errors are 0.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, there is no time axis, or a hyperparameter is out of range.

    Example:
        >>> v_tm1, v_t, r_t, discount_t = jnp.zeros(2), jnp.zeros(2), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.vtrace_loss(v_tm1, v_t, r_t, discount_t, jnp.array([0.5, 4.0]))
        Array(0.390625, dtype=float32)

    Reference:
        Espeholt et al. (2018), IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner
        Architectures. https://arxiv.org/abs/1802.01561
    """
    options = {"lambda_": lambda_, "clip_rho_threshold": clip_rho_threshold, "where": where}
    errors = vtrace_error(v_tm1, v_t, r_t, discount_t, rho_tm1, **options)
    return over_steps(errors, where, weights, reduction)


def vtrace_td_error_and_advantage(
    v_tm1: ArrayLike,
    v_t: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    rho_tm1: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    clip_rho_threshold: Scalar = 1.0,
    clip_pg_rho_threshold: Scalar = 1.0,
) -> VTraceOutput:
    r"""V-trace errors for the critic and advantages for the actor, of whole trajectories.

    .. math:: q_{t-1} = r_t + \gamma_t \left( \lambda_t (v_t + e_t) + (1 - \lambda_t) v_t \right), \qquad
              A_{t-1} = \min(\rho_{\max}, \rho_{t-1}) (q_{t-1} - v_{t-1})

    where :math:`v_t` is the value that the next step starts from, ``v_tm1`` one step on, and at the end ``v_t``.

    Args:
        v_tm1: Values of the states that are left, shape ``[..., T]``, floating; time is the last axis.
        v_t: Values of the states that are reached, shape ``[..., T]``, the same.
        r_t: Rewards, shape ``[..., T]``, the same.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends.
        rho_tm1: Importance ratios of the actions taken, shape ``[..., T]``, the same; >= 0.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``.
        clip_rho_threshold: The largest ratio that counts in full in the errors; > 0.
        clip_pg_rho_threshold: The largest ratio :math:`\rho_{\max}` that counts in full in the advantages; > 0.

    Returns:
        The triple ``(errors, pg_advantage, q_estimate)``, each ``[..., T]``; only the errors pass a gradient.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, there is no time axis, or a hyperparameter is out of range.

    Example:
        >>> v_tm1, v_t, r_t, discount_t = jnp.zeros(2), jnp.zeros(2), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.vtrace_td_error_and_advantage(v_tm1, v_t, r_t, discount_t, jnp.array([0.5, 4.0])).pg_advantage
        Array([0.75, 1.  ], dtype=float32)

    Reference:
        Espeholt et al. (2018), IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner
        Architectures. https://arxiv.org/abs/1802.01561
    """
    steps = _steps(None, v_tm1, v_t, r_t, discount_t, rho_tm1)
    errors = vtrace_error(*steps, lambda_=lambda_, clip_rho_threshold=clip_rho_threshold)
    value, reached, reward, discount, ratio = (jax.lax.stop_gradient(x) for x in steps)
    limit = checks.scalar("clip_pg_rho_threshold", clip_pg_rho_threshold, value.dtype, above=0)
    mix = jnp.broadcast_to(jnp.asarray(mixing(lambda_, None, value), value.dtype), value.shape)
    onwards = value[..., 1:] + mix[..., :-1] * jax.lax.stop_gradient(errors)[..., 1:]
    q_estimate = reward + discount * jnp.concatenate([onwards, reached[..., -1:]], axis=-1)
    return VTraceOutput(errors, jnp.minimum(ratio, limit) * (q_estimate - value), q_estimate)
