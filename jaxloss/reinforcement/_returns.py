"""Returns and advantages over many steps: targets of values and factors of policy gradients."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.reinforcement._transitions import backwards, each_discount, last_kept, mixing, time_first

__all__ = [
    "generalized_advantage_estimation",
    "lambda_returns",
    "n_step_bootstrapped_returns",
    "off_policy_returns",
]


def lambda_returns(
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
    time_major: bool = False,
) -> Array:
    r"""Lambda-returns of a trajectory: the mixture of all its n-step returns, which is the target of TD(lambda).

    .. math:: G_{t-1} = r_t + \gamma_t \left( (1 - \lambda_t) v_t + \lambda_t G_t \right)

    The last return bootstraps from the last value. With ``lambda_=1`` this is the discounted return, with
    ``lambda_=0`` the one-step target. Gradients flow: stop them if the returns are targets, as
    `jaxloss.td_lambda_error` does.

    Args:
        r_t: Rewards, shape ``[..., T]``, floating; time is the last axis.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends. One number serves all steps.
        v_t: Values of the states at times t, shape ``[..., T]``, the same.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped, as if it had been deleted.
        time_major: Whether time is the first axis of all arrays, the results included, instead of the last; static.

    Returns:
        Returns at times t - 1, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``r_t`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or ``lambda_`` is out of range.

    Example:
        >>> r_t, discount_t, v_t = jnp.array([1.0, 1.0]), jnp.array([0.5, 0.5]), jnp.array([4.0, 8.0])
        >>> jaxloss.returns.lambda_returns(r_t, discount_t, v_t)
        Array([3.5, 5. ], dtype=float32)

    Reference:
        Sutton and Barto (2018), Reinforcement Learning: An Introduction, chapter 12.
        https://mitpress.mit.edu/9780262039246/
    """
    if time_major:
        return time_first(lambda_returns, r_t, discount_t, v_t, lambda_=lambda_, where=where)
    r_t, discount_t, v_t = checks.values(r_t=r_t, discount_t=each_discount(discount_t, r_t), v_t=v_t)
    checks.with_axes("time", allow_empty=True, r_t=r_t)
    r_t, discount_t, v_t = blank(where, r_t, discount_t, v_t)
    mix = mixing(lambda_, where, r_t)
    bootstrap = jnp.where(last_kept(where, r_t.shape), jnp.ones((), r_t.dtype), jnp.asarray(1 - mix, r_t.dtype))
    return backwards(discount_t * mix, r_t + discount_t * bootstrap * v_t, where)


def n_step_bootstrapped_returns(
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    *,
    n: int,
    lambda_: Scalar | ArrayLike = 1.0,
    time_major: bool = False,
) -> Array:
    r"""n-step returns of a trajectory: ``n`` discounted rewards, then the value of the state that is reached.

    .. math:: G_{t-1} = r_t + \gamma_t \left( (1 - \lambda_t) v_t + \lambda_t G_t \right),

    unrolled ``n`` times from :math:`G_{t + n - 1} = v_{t + n - 1}`. Where fewer than ``n`` steps are left, the returns
    bootstrap from the last value. Gradients flow.

    Args:
        r_t, discount_t, v_t, time_major: See `jaxloss.returns.lambda_returns`.
        n: The number of rewards, >= 1; a Python integer.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size. With 1 only the n-step
            return counts.

    Returns:
        Returns at times t - 1, shape ``[..., T]``.

    Raises:
        TypeError: If ``r_t`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis or it is empty, or a hyperparameter is out of
            range.

    Example:
        >>> r_t, discount_t, v_t = jnp.ones(3), jnp.full(3, 0.5), jnp.array([4.0, 8.0, 16.0])
        >>> jaxloss.returns.n_step_bootstrapped_returns(r_t, discount_t, v_t, n=2)
        Array([3.5, 5.5, 9. ], dtype=float32)

    Reference:
        Sutton and Barto (2018), Reinforcement Learning: An Introduction, chapter 7.
        https://mitpress.mit.edu/9780262039246/
    """
    if time_major:
        several_steps = lambda *steps, lambda_: n_step_bootstrapped_returns(*steps, n=n, lambda_=lambda_)
        return time_first(several_steps, r_t, discount_t, v_t, lambda_=lambda_)
    r_t, discount_t, v_t = checks.values(r_t=r_t, discount_t=each_discount(discount_t, r_t), v_t=v_t)
    checks.with_axes("time", r_t=r_t)
    n = checks.whole("n", n)
    r_t, discount_t, v_t = blank(None, r_t, discount_t, v_t)
    mix = jnp.broadcast_to(jnp.asarray(mixing(lambda_, None, r_t), r_t.dtype), r_t.shape)
    steps = r_t.shape[-1]
    shifted = lambda x, by, beyond: jnp.concatenate([x[..., by:], jnp.broadcast_to(beyond, x[..., :by].shape)], -1)
    # Beyond the end nothing is earned or lost, and every value is the last one.
    one, zero, last = jnp.ones((), r_t.dtype), jnp.zeros((), r_t.dtype), v_t[..., -1:]
    returns = shifted(v_t, min(n - 1, steps), last)
    for step in reversed(range(min(n, steps))):
        reward, discount = shifted(r_t, step, zero), shifted(discount_t, step, one)
        share, value = shifted(mix, step, one), shifted(v_t, step, last)
        returns = reward + discount * ((1 - share) * value + share * returns)
    return returns


def off_policy_returns(
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    q_t: ArrayLike,
    c_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    time_major: bool = False,
) -> Array:
    r"""Returns of a trajectory of another policy, corrected action by action: the targets of Retrace and its relatives.

    .. math:: G_{t-1} = r_t + \gamma_t \left( v_t + c_t \left( G_t - q_t \right) \right)

    The last return bootstraps from the last value, as if the last trace were 0. The traces make the method, with
    :math:`\pi` the policy that learns, :math:`\mu` the one that acted and :math:`\lambda` in [0, 1]:

    * Retrace: :math:`c_t = \lambda \min(1, \pi(a_t) / \mu(a_t))`, as in `jaxloss.retrace_loss`
    * tree backup: :math:`c_t = \lambda \, \pi(a_t)`
    * Q(lambda) of Harutyunyan et al.: :math:`c_t = \lambda`
    * importance sampling: :math:`c_t = \pi(a_t) / \mu(a_t)`

    Gradients flow: stop them if the returns are targets.

    Args:
        r_t: Rewards, shape ``[..., T]``, floating; time is the last axis.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends. One number serves all steps.
        v_t: Values of the states at times t under the policy that learns, shape ``[..., T]``, the same.
        q_t: Values of the actions taken at times t, shape ``[..., T]``, the same. The last one is not used.
        c_t: Traces of these actions, shape ``[..., T]``, the same; >= 0. The last one is not used.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped, as if it had been deleted.
        time_major: Whether time is the first axis of all arrays, the results included, instead of the last; static.

    Returns:
        Returns at times t - 1, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``r_t`` are not floating.
        ValueError: If the shapes differ or the inputs have no time axis.

    Example:
        >>> r_t, v_t, q_t = jnp.ones(2), jnp.array([1.0, 2.0]), jnp.array([3.0, 0.0])
        >>> jaxloss.returns.off_policy_returns(r_t, 0.5, v_t, q_t, jnp.ones(2))
        Array([1., 2.], dtype=float32)

    Reference:
        Munos, Stepleton, Harutyunyan and Bellemare (2016), Safe and Efficient Off-Policy Reinforcement Learning.
        https://arxiv.org/abs/1606.02647
    """
    if time_major:
        return time_first(off_policy_returns, r_t, discount_t, v_t, q_t, c_t, where=where)
    steps = checks.values(r_t=r_t, discount_t=each_discount(discount_t, r_t), v_t=v_t, q_t=q_t, c_t=c_t)
    checks.with_axes("time", allow_empty=True, r_t=steps[0])
    r_t, discount_t, v_t, q_t, c_t = blank(where, *steps)
    zero = jnp.zeros((), r_t.dtype)
    # What is beyond the last step does not exist, whatever stands in its place.
    c_t, q_t = (jnp.where(last_kept(where, r_t.shape), zero, x) for x in (c_t, q_t))
    return backwards(discount_t * c_t, r_t + discount_t * (v_t - c_t * q_t), where)


def generalized_advantage_estimation(
    r_t: ArrayLike,
    discount_t: ArrayLike,
    values: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 0.95,
    where: ArrayLike | None = None,
    time_major: bool = False,
) -> Array:
    r"""Generalised advantage estimation (GAE): a discounted sum of the temporal-difference errors of a trajectory.

    .. math:: A_{t-1} = \delta_t + \gamma_t \lambda_t A_t, \qquad \delta_t = r_t + \gamma_t v_t - v_{t-1}

    ``lambda_`` trades variance (1, the discounted return) for bias (0, the one-step error). The recursion takes
    T steps on a CPU, and a number logarithmic in T on accelerators. The sum of the advantages and ``values[..., :-1]``
    is the :math:`\lambda`-return. Gradients flow here; policy losses stop them.

    Args:
        r_t: Rewards, shape ``[..., T]``, floating; time is the last axis.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends. One number serves all steps.
        values: Values of all states, the first and the last included: shape ``[..., T + 1]``.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped: it adds no error and no discount.
        time_major: Whether time is the first axis of all arrays, the results included, instead of the last; static.

    Returns:
        Advantages at times t - 1, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``r_t`` are not floating.
        ValueError: If ``discount_t.shape != r_t.shape``, ``values`` do not have one step more, the inputs have no time
            axis, or ``lambda_`` is out of range.

    Example:
        >>> r_t, discount_t, values = jnp.ones(2), jnp.full(2, 0.5), jnp.array([0.0, 2.0, 4.0])
        >>> jaxloss.returns.generalized_advantage_estimation(r_t, discount_t, values, lambda_=0.5)
        Array([2.25, 1.  ], dtype=float32)

    Reference:
        Schulman, Moritz, Levine, Jordan and Abbeel (2016), High-Dimensional Continuous Control Using Generalized
        Advantage Estimation. https://arxiv.org/abs/1506.02438
    """
    if time_major:
        return time_first(generalized_advantage_estimation, r_t, discount_t, values, lambda_=lambda_, where=where)
    r_t, discount_t = checks.values(r_t=r_t, discount_t=each_discount(discount_t, r_t))
    (values,) = checks.numeric(values=values)
    checks.with_axes("time", allow_empty=True, r_t=r_t)
    meaning = "one state more than rewards; time is the last axis, or the first with time_major=True"
    checks.has_shape((*r_t.shape[:-1], r_t.shape[-1] + 1), meaning, values=values)
    r_t, discount_t, v_tm1, v_t = blank(where, r_t, discount_t, values[..., :-1], values[..., 1:])
    mix = mixing(lambda_, where, r_t)
    return backwards(discount_t * mix, r_t + discount_t * v_t - v_tm1, where)
