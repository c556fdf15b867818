"""Retrace: values of actions from trajectories of another policy, by traces that are cut where the policies part."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._returns import off_policy_returns
from jaxloss.reinforcement._transitions import action_values, chosen, expected, last_kept, mixing, over_steps, per_step

__all__ = ["retrace_continuous_error", "retrace_continuous_loss", "retrace_error", "retrace_loss"]


def retrace_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    a_t: ArrayLike,
    pi_t: ArrayLike,
    mu_t: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""Retrace errors of the values of discrete actions in off-policy trajectories; rlax's ``retrace``.

    .. math:: e_{t-1} = \mathrm{sg}(G_{t-1}) - q_{t-1}(a_{t-1}), \qquad
              G_{t-1} = r_t + \gamma_t \left( \sum_a \pi_t(a) \, q_t(a) + c_t \left( G_t - q_t(a_t) \right) \right)

    with the traces :math:`c_t = \lambda_t \min(1, \pi_t(a_t) / \mu_t)`, of which the last one is 0. The arguments come
    in the order of `jaxloss.sarsa_loss`, which is not that of rlax.

    Args:
        q_tm1, a_tm1, r_t, discount_t, q_t, a_t, pi_t, mu_t, lambda_: See `jaxloss.retrace_loss`.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped, as if it had been deleted.

    Returns:
        Errors, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If action values or ``pi_t`` are not floating or actions not integer.
        ValueError: If the leading axes of the inputs differ, the time axis is missing, the action axis is empty, or
            ``lambda_`` is out of range.

    Example:
        >>> q, a, r, discount = jnp.array([[0.0, 2.0], [1.0, 3.0]]), jnp.array([0, 1]), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.retrace_error(q, a, r, discount, q, a, jnp.full((2, 2), 0.5), jnp.array([0.5, 1.0]))
        Array([ 2.5, -1. ], dtype=float32)

    Reference:
        Munos, Stepleton, Harutyunyan and Bellemare (2016), Safe and Efficient Off-Policy Reinforcement Learning.
        https://arxiv.org/abs/1606.02647
    """
    q_tm1, q_t, pi_t = action_values(where, q_tm1=q_tm1, q_t=q_t, pi_t=pi_t)
    q_tm1, a_tm1 = checks.scores_and_labels(q_tm1=q_tm1, a_tm1=a_tm1)
    q_t, a_t = checks.scores_and_labels(q_t=q_t, a_t=a_t)
    checks.with_axes("time", allow_empty=True, a_tm1=a_tm1)
    r_t, discount_t, mu_t = per_step(where, a_t.shape, r_t=r_t, discount_t=discount_t, mu_t=mu_t)
    even = hide(where, pi_t, event_ndim=1, fill=1 / pi_t.shape[-1])
    value_checks.ensure_probabilities(pi_t=even, sum_to_one=True)
    q_tm1, q_t, pi_t, r_t, discount_t, mu_t = promote(q_tm1, q_t, pi_t, r_t, discount_t, hide(where, mu_t, fill=1))
    # After the last step no action counts: there need not be one.
    last = last_kept(where, a_t.shape)
    a_t, mu_t = jnp.where(last, 0, hide(where, a_t)), jnp.where(last, jnp.ones((), mu_t.dtype), mu_t)
    value_checks.ensure(lambda: mu_t > 0, "mu_t must be > 0")
    valid = (mu_t > 0) & jnp.all((pi_t >= 0) & (pi_t <= 1), axis=-1)
    ratio = jnp.minimum(numerics.quotient(chosen(pi_t, a_t=a_t), jnp.where(valid, mu_t, jnp.ones((), mu_t.dtype))), 1)
    traces = mixing(lambda_, where, q_tm1) * ratio
    rewards = numerics.poison(r_t, valid)
    returns = off_policy_returns(rewards, discount_t, expected(q_t, pi_t), chosen(q_t, a_t=a_t), traces, where=where)
    return hide(where, jax.lax.stop_gradient(returns) - chosen(q_tm1, a_tm1=hide(where, a_tm1)))


def retrace_loss(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    a_t: ArrayLike,
    pi_t: ArrayLike,
    mu_t: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Retrace(lambda) for discrete actions: half the squared error against off-policy returns, averaged over time.

    .. math:: \ell = \frac{\sum_t w_t \, \tfrac12 e_t^2}{\sum_t w_t}, \qquad
              e_{t-1} = \mathrm{sg}(G_{t-1}) - q_{t-1}(a_{t-1})

    with the returns of `jaxloss.retrace_error`. Traces are at most 1, which bounds the variance for any two policies,
    and equal to ``lambda_`` where the policies agree, which keeps long returns. Other traces, such as those of tree
    backup and Q(lambda), are described at `jaxloss.returns.off_policy_returns`.

    Args:
        q_tm1: Action values at times t - 1, shape ``[..., T, A]``, floating; time is the last but one axis.
        a_tm1: Actions taken at times t - 1, shape ``[..., T]``, integer in ``[0, A)``. An unmasked one outside gives
            NaN in value and gradient.
        r_t: Rewards at times t, shape ``[..., T]``, floating or integer.
        discount_t: Discounts at times t, shape ``[..., T]``; 0 where an episode ends.
        q_t: Action values at times t, shape ``[..., T, A]``, floating.
        a_t: Actions taken at times t, shape ``[..., T]``, integer in ``[0, A)``. The last one is not used.
        pi_t: Probabilities of all actions at times t under the policy that learns, shape ``[..., T, A]``, floating in
            [0, 1]. One outside gives NaN.
        mu_t: Probabilities of ``a_t`` under the policy that acted, shape ``[..., T]``; > 0, otherwise the loss is NaN.
            The last one is not used. No gradient flows through the returns: of all inputs only ``q_tm1`` has one.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size.
        where, weights: Shape ``[..., T]``. A masked step is skipped, as if it had been deleted. A weight multiplies the
            error of its own step and leaves the returns of other steps unchanged. See `jaxloss.reduce`.
        reduction: Over the trajectories ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the values equal their returns.

    Raises:
        TypeError: If action values or ``pi_t`` are not floating or actions not integer.
        ValueError: If the leading axes of the inputs differ, the time axis is missing, the action axis is empty, or
            ``lambda_`` is out of range.

    Example:
        >>> q, a, r, discount = jnp.array([[0.0, 2.0], [1.0, 3.0]]), jnp.array([0, 1]), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.retrace_loss(q, a, r, discount, q, a, jnp.full((2, 2), 0.5), jnp.array([0.5, 1.0]))
        Array(1.8125, dtype=float32)

    Reference:
        Munos, Stepleton, Harutyunyan and Bellemare (2016), Safe and Efficient Off-Policy Reinforcement Learning.
        https://arxiv.org/abs/1606.02647
    """
    errors = retrace_error(q_tm1, a_tm1, r_t, discount_t, q_t, a_t, pi_t, mu_t, lambda_=lambda_, where=where)
    return over_steps(errors, where, weights, reduction)


def retrace_continuous_error(
    q_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    q_t: ArrayLike,
    log_rhos: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""Retrace errors of values of actions of any kind in off-policy trajectories; rlax's ``retrace_continuous``.

    .. math:: e_{t-1} = \mathrm{sg}(G_{t-1}) - q_{t-1}, \qquad
              G_{t-1} = r_t + \gamma_t \left( v_t + c_t \left( G_t - q_t \right) \right)

    with the traces :math:`c_t = \lambda_t \min(1, \rho_t)`, of which the last one is 0. The arguments come in the order
    of `jaxloss.td_lambda_loss`, which is not that of rlax.

    Args:
        q_tm1, r_t, discount_t, v_t, q_t, log_rhos, lambda_: See `jaxloss.retrace_continuous_loss`.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped, as if it had been deleted.

    Returns:
        Errors, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``q_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or ``lambda_`` is out of range.

    Example:
        >>> q, v, r, discount = jnp.array([0.0, 3.0]), jnp.array([1.0, 2.0]), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.retrace_continuous_error(q, r, discount, v, q[::-1], jnp.array([0.0, 0.0]))
        Array([ 1., -1.], dtype=float32)

    Reference:
        Munos, Stepleton, Harutyunyan and Bellemare (2016), Safe and Efficient Off-Policy Reinforcement Learning.
        https://arxiv.org/abs/1606.02647
    """
    steps = checks.values(q_tm1=q_tm1, r_t=r_t, discount_t=discount_t, v_t=v_t, q_t=q_t, log_rhos=log_rhos)
    checks.with_axes("time", allow_empty=True, q_tm1=steps[0])
    q_tm1, r_t, discount_t, v_t, q_t, log_rhos = blank(where, *steps)
    ratio = jnp.exp(jnp.minimum(log_rhos, 0)) + numerics.trace_of_nan(log_rhos)
    traces = mixing(lambda_, where, q_tm1) * ratio
    returns = off_policy_returns(r_t, discount_t, v_t, q_t, traces, where=where)
    return jax.lax.stop_gradient(returns) - q_tm1


def retrace_continuous_loss(
    q_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    q_t: ArrayLike,
    log_rhos: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Retrace(lambda) for actions of any kind: half the squared error against off-policy returns, averaged over time.

    .. math:: \ell = \frac{\sum_t w_t \, \tfrac12 e_t^2}{\sum_t w_t}, \qquad
              e_{t-1} = \mathrm{sg}(G_{t-1}) - q_{t-1}

    with the returns of `jaxloss.retrace_continuous_error`, as in MPO and other off-policy actor-critics. For discrete
    actions `jaxloss.retrace_loss` takes the values and probabilities of all actions.

    Args:
        q_tm1: Values of the actions taken at times t - 1, shape ``[..., T]``, floating; time is the last axis.
        r_t, discount_t: See `jaxloss.td_lambda_loss`.
        v_t: Values of the states at times t under the policy that learns, shape ``[..., T]``: the mean value of actions
            sampled from it.
        q_t: Values of the actions taken at times t, shape ``[..., T]``, the same. The last one is not used: rlax wants
            one step less.
        log_rhos: Logarithms of the importance ratios :math:`\rho_t = \pi(a_t) / \mu(a_t)`, of the policy that learns to
            the one that acted, shape ``[..., T]``; +-inf is allowed. The last one is not used. No gradient flows
            through the returns: of all inputs only ``q_tm1`` has one.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size.
        where, weights, reduction: See `jaxloss.retrace_loss`.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the values equal their returns.

    Raises:
        TypeError: If ``q_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or ``lambda_`` is out of range.

    Example:
        >>> q, v, r, discount = jnp.array([0.0, 3.0]), jnp.array([1.0, 2.0]), jnp.ones(2), jnp.full(2, 0.5)
        >>> jaxloss.retrace_continuous_loss(q, r, discount, v, q[::-1], jnp.array([0.0, 0.0]))
        Array(0.5, dtype=float32)

    Reference:
        Munos, Stepleton, Harutyunyan and Bellemare (2016), Safe and Efficient Off-Policy Reinforcement Learning.
        https://arxiv.org/abs/1606.02647
    """
    errors = retrace_continuous_error(q_tm1, r_t, discount_t, v_t, q_t, log_rhos, lambda_=lambda_, where=where)
    return over_steps(errors, where, weights, reduction)
