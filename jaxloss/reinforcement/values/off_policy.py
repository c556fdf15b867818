"""V-trace: values and advantages from trajectories of another policy, corrected by clipped importance ratios."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import is_zero
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import backwards, mixing, over_steps

__all__ = ["VTraceOutput", "vtrace_error", "vtrace_loss", "vtrace_td_error_and_advantage"]


class VTraceOutput(NamedTuple):
    """Results of V-trace per step, each of shape ``[..., T]``."""

    errors: Array
    """Errors of the values; half their squares are the loss of the critic."""
    pg_advantage: Array
    """Advantages for the policy gradient, multiplied by the clipped ratios; no gradient flows through them."""
    q_estimate: Array
    """Estimates of the values of the actions taken; no gradient flows through them."""


def _steps(
    where: ArrayLike | None, v_tm1: ArrayLike, v_t: ArrayLike, r_t: ArrayLike, discount_t: ArrayLike, rho_tm1: ArrayLike
) -> list[Array]:
    inputs = checks.values(v_tm1=v_tm1, v_t=v_t, r_t=r_t, discount_t=discount_t, rho_tm1=rho_tm1)
    checks.with_axes("time", allow_empty=True, v_tm1=inputs[0])
    return list(blank(where, *inputs))


def _clipped(ratios: Array, limit: Scalar, leak: Scalar) -> Array:
    """Ratios up to the limit, and the share ``leak`` of what is above it; nothing of an infinite one leaks at 0."""
    clipped = jnp.minimum(ratios, limit)
    if is_zero(leak):
        return clipped
    above = jnp.maximum(ratios - limit, 0)
    return clipped + leak * jnp.where(leak == 0, jnp.zeros((), above.dtype), above)


def vtrace_error(
    v_tm1: ArrayLike,
    v_t: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    rho_tm1: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    clip_rho_threshold: Scalar = 1.0,
    leak: Scalar = 0.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""V-trace errors of the values of off-policy trajectories; rlax's ``vtrace``.

    .. math:: e_{t-1} = \bar\rho_{t-1} \delta_t + \gamma_t c_{t-1} e_t, \qquad
              \delta_t = r_t + \gamma_t v_t - v_{t-1}

    with :math:`\bar\rho = \min(\bar\rho_{\max}, \rho)` and :math:`c = \lambda \min(1, \rho)`, both of them mixed with
    the unclipped ratio by ``leak``. No gradient flows through the target :math:`e + v`: the derivative in ``v_tm1`` is
    -1, all others are 0. If the two policies agree, this is the error against the :math:`\lambda`-return.

    Args:
        v_tm1, v_t, r_t, discount_t, rho_tm1, lambda_, clip_rho_threshold, leak: See `jaxloss.vtrace_loss`.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped, as if it had been deleted.

    Returns:
        Errors, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or a hyperparameter is out of range.

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
    valid = rho_tm1 >= 0
    value_checks.ensure(lambda: valid, "rho_tm1 must be >= 0")
    rho_tm1 = numerics.poison(rho_tm1, valid)
    share = checks.scalar("leak", leak, v_tm1.dtype, at_least=0, at_most=1)
    deltas = _clipped(rho_tm1, limit, share) * (r_t + discount_t * v_t - v_tm1)
    errors = backwards(discount_t * mix * _clipped(rho_tm1, 1, share), deltas, where)
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
    leak: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""V-trace critic loss of IMPALA: half the squared error of values against V-trace targets, averaged over time.

    .. math:: \ell = \frac{\sum_t w_t \, \tfrac12 e_t^2}{\sum_t w_t}, \qquad
              e_{t-1} = \bar\rho_{t-1} \delta_t + \gamma_t c_{t-1} e_t

    with the errors of `jaxloss.vtrace_error`. No gradient flows through the target: the gradient in ``v_tm1`` is
    :math:`-e`, averaged, and all others are 0.

    Args:
        v_tm1: Values of the states at times t - 1, shape ``[..., T]``, floating; time is the last axis.
        v_t: Values of the states at times t, shape ``[..., T]``, the same.
        r_t: Rewards, shape ``[..., T]``, the same; floating or integer.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends.
        rho_tm1: Importance ratios :math:`\pi(a) / \mu(a)` of the actions taken, of the policy that learns to the one
            that acted, shape ``[..., T]``, the same; >= 0. A negative one gives NaN.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size.
        clip_rho_threshold: The largest ratio :math:`\bar\rho_{\max}` that counts in full; > 0. It decides which policy
            the values belong to.
        leak: Share in [0, 1] of the ratio above its limit that counts, in :math:`\bar\rho` and in the traces
            :math:`c`: 0 is V-trace, 1 is importance sampling, and between them is the leaky V-trace of self-tuning
            agents (STAC). rlax's ``alpha_`` is one minus it.
        where, weights: Shape ``[..., T]``. A masked step is skipped, as if it had been deleted. A weight multiplies the
            error of its own step and leaves the targets of other steps unchanged. See `jaxloss.reduce`.
        reduction: Over the trajectories ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if all one-step errors are 0.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or a hyperparameter is out of range.

    Example:
        >>> v_tm1, v_t, r_t, discount_t = jnp.zeros(2), jnp.zeros(2), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.vtrace_loss(v_tm1, v_t, r_t, discount_t, jnp.array([0.5, 4.0]))
        Array(0.390625, dtype=float32)

    Reference:
        Espeholt et al. (2018), IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner
        Architectures. https://arxiv.org/abs/1802.01561
        Zahavy et al. (2020), A Self-Tuning Actor-Critic Algorithm (leaky V-trace). https://arxiv.org/abs/2002.12928
    """
    options = {"lambda_": lambda_, "clip_rho_threshold": clip_rho_threshold, "leak": leak, "where": where}
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
    leak: Scalar = 0.0,
) -> VTraceOutput:
    r"""V-trace errors for the critic and advantages for the actor, of whole trajectories.

    .. math:: q_{t-1} = r_t + \gamma_t \left( \lambda_t (v_t + e_t) + (1 - \lambda_t) v_t \right), \qquad
              A_{t-1} = \min(\rho_{\max}, \rho_{t-1}) (q_{t-1} - v_{t-1})

    where :math:`v_t` is the value from which the next step starts: ``v_tm1`` one step later, and ``v_t`` at the end.

    Args:
        v_tm1, v_t, r_t, discount_t, rho_tm1, lambda_, clip_rho_threshold: See `jaxloss.vtrace_loss`.
        clip_pg_rho_threshold: The largest ratio :math:`\rho_{\max}` that counts in full in the advantages; > 0.
        leak: See `jaxloss.vtrace_loss`. The ratio in the advantages leaks as the others do.

    Returns:
        The triple ``(errors, pg_advantage, q_estimate)``, each ``[..., T]``; gradients flow through the errors only.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or a hyperparameter is out of range.

    Example:
        >>> v_tm1, v_t, r_t, discount_t = jnp.zeros(2), jnp.zeros(2), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.vtrace_td_error_and_advantage(v_tm1, v_t, r_t, discount_t, jnp.array([0.5, 4.0])).pg_advantage
        Array([0.75, 1.  ], dtype=float32)

    Reference:
        Espeholt et al. (2018), IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner
        Architectures. https://arxiv.org/abs/1802.01561
    """
    steps = _steps(None, v_tm1, v_t, r_t, discount_t, rho_tm1)
    errors = vtrace_error(*steps, lambda_=lambda_, clip_rho_threshold=clip_rho_threshold, leak=leak)
    value, reached, reward, discount, ratio = (jax.lax.stop_gradient(x) for x in steps)
    limit = checks.scalar("clip_pg_rho_threshold", clip_pg_rho_threshold, value.dtype, above=0)
    share = checks.scalar("leak", leak, value.dtype, at_least=0, at_most=1)
    mix = jnp.broadcast_to(jnp.asarray(mixing(lambda_, None, value), value.dtype), value.shape)
    onwards = value[..., 1:] + mix[..., :-1] * jax.lax.stop_gradient(errors)[..., 1:]
    q_estimate = reward + discount * jnp.concatenate([onwards, reached[..., -1:]], axis=-1)
    return VTraceOutput(errors, _clipped(ratio, limit, share) * (q_estimate - value), q_estimate)
