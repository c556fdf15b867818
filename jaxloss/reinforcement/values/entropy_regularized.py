"""Q-learning with an entropy-regularised target: soft Q-learning, and Munchausen with the policy in its reward."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import action_error, action_values, chosen, known, per_step

__all__ = ["munchausen_q_learning_error", "munchausen_q_learning_loss"]


def _peak_and_spread(values: Array, temperature: Scalar) -> tuple[Array, Array]:
    """Two summands of ``temperature * log sum exp(values / temperature)``: the maximum, and what the others add to it.

    NaN if a value is.
    """
    peak = jnp.max(values, axis=-1)
    total = jnp.sum(jnp.exp((values - peak[..., None]) / temperature), axis=-1)
    return numerics.poison(peak, known(values)), temperature * jnp.log(total)


def munchausen_q_learning_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    q_tm1_target: ArrayLike,
    *,
    temperature: Scalar = 0.03,
    munchausen_weight: Scalar = 0.9,
    bonus_floor: Scalar = -1.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""Temporal-difference error of Munchausen Q-learning, whose reward has the log-probability of the action added.

    .. math:: \delta = \mathrm{sg}\left( r_t + \alpha \max\left( l_0, \tau \log \pi(a_{t-1}) \right)
              + \gamma_t \, \tau \log \sum_a e^{q_t(a) / \tau} \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t, q_tm1_target, temperature, munchausen_weight, bonus_floor: See `jaxloss.munchausen_q_learning_loss`, which
            is half the square of this error.
        where: Boolean, shape ``[...]``. The error is 0 where it is False.

    Returns:
        Errors, shape ``[...]``; positive where the target exceeds the prediction.

    Raises:
        TypeError: If action values are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, the action axis is empty, or a hyperparameter is out of
            range.

    Example:
        >>> q, a = jnp.array([[1.0, 1.0]]), jnp.array([0])
        >>> jaxloss.munchausen_q_learning_error(q, a, jnp.ones(1), jnp.ones(1), q, q, temperature=1.0)
        Array([1.0693147], dtype=float32)

    Reference:
        Vieillard, Pietquin and Geist (2020), Munchausen Reinforcement Learning. https://arxiv.org/abs/2007.14430
    """
    q_tm1, q_t, former = action_values(where, q_tm1=q_tm1, q_t=q_t, q_tm1_target=q_tm1_target)
    q_tm1, a_tm1 = checks.scores_and_labels(q_tm1=q_tm1, a_tm1=a_tm1)
    (r_t,) = per_step(where, a_tm1.shape, r_t=r_t)
    q_tm1, q_t, former, r_t = promote(q_tm1, q_t, former, r_t)
    tau = checks.scalar("temperature", temperature, q_tm1.dtype, above=0)
    share = checks.scalar("munchausen_weight", munchausen_weight, q_tm1.dtype, at_least=0, at_most=1)
    floor = checks.scalar("bonus_floor", bonus_floor, q_tm1.dtype, at_most=0)
    peak, spread = _peak_and_spread(former, tau)
    log_policy = (chosen(former, a_tm1=hide(where, a_tm1)) - peak) - spread
    bonus = jnp.maximum(log_policy, floor) + numerics.trace_of_nan(log_policy)
    peak, spread = _peak_and_spread(q_t, tau)
    return action_error(where, q_tm1, a_tm1, r_t + share * bonus, discount_t, peak + spread)


def munchausen_q_learning_loss(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    q_tm1_target: ArrayLike,
    *,
    temperature: Scalar = 0.03,
    munchausen_weight: Scalar = 0.9,
    bonus_floor: Scalar = -1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Munchausen Q-learning (M-DQN): half the squared error against a target that rewards likely actions.

    .. math:: \ell = \tfrac12 \left( \mathrm{sg}\left( r_t + \alpha \max\left( l_0, \tau \log \pi(a_{t-1}) \right)
              + \gamma_t \, \tau \log \sum_a e^{q_t(a) / \tau} \right) - q_{t-1}(a_{t-1}) \right)^2, \qquad
              \pi = \operatorname{softmax}\left( \bar q_{t-1} / \tau \right)

    The bonus keeps the policy close to that of the target network: it regularises by a divergence without a second
    policy. Without it, ``munchausen_weight=0``, this is soft Q-learning, and `jaxloss.q_learning_loss` in the limit of
    a small temperature. M-DQN takes the Huber loss: pass `jaxloss.munchausen_q_learning_error` to `jaxloss.huber_loss`.

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t: Action values at time t from the target network, shape ``[..., A]``, floating. An action of value -inf is
            forbidden.
        q_tm1_target: Action values :math:`\bar q` at time t - 1 from the target network, shape ``[..., A]``, floating.
            No gradient flows through either.
        temperature: Temperature :math:`\tau` > 0, in units of reward per nat.
        munchausen_weight: Factor :math:`\alpha` of the log-probability of the action, in [0, 1].
        bonus_floor: The least bonus :math:`l_0`, in units of reward; <= 0. Acme's default is -1000.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the value equals its target.

    Raises:
        TypeError: If action values are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, the action axis is empty, or a hyperparameter is out of
            range.

    Example:
        >>> q, a = jnp.array([[1.0, 1.0]]), jnp.array([0])
        >>> jaxloss.munchausen_q_learning_loss(q, a, jnp.ones(1), jnp.ones(1), q, q, temperature=1.0)
        Array(0.57171696, dtype=float32)

    Reference:
        Vieillard, Pietquin and Geist (2020), Munchausen Reinforcement Learning. https://arxiv.org/abs/2007.14430
    """
    errors = munchausen_q_learning_error(
        q_tm1,
        a_tm1,
        r_t,
        discount_t,
        q_t,
        q_tm1_target,
        temperature=temperature,
        munchausen_weight=munchausen_weight,
        bonus_floor=bonus_floor,
        where=where,
    )
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)
