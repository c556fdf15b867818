"""Q-learning: regress the value of an action on the reward plus the discounted value of the best next action."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.reinforcement._transitions import action_error, action_values, known

__all__ = ["double_q_learning_error", "double_q_learning_loss", "q_learning_error", "q_learning_loss"]


def q_learning_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
) -> Array:
    r"""Temporal-difference error of Q-learning; rlax's ``q_learning``, for any batch.

    .. math:: \delta = \mathrm{sg}\left( r_t + \gamma_t \max_a q_t(a) \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1, a_tm1, r_t, discount_t, q_t: See `jaxloss.q_learning_loss`, which is half the square of this error.
        where: Boolean, shape ``[...]``. The error is 0 where it is False.

    Returns:
        Errors, shape ``[...]``; positive where the target exceeds the prediction.

    Raises:
        TypeError: If ``q_tm1`` or ``q_t`` are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, q_t = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]])
        >>> jaxloss.q_learning_error(q_tm1, jnp.array([0]), jnp.array([1.0]), jnp.array([0.5]), q_t)
        Array([2.], dtype=float32)

    Reference:
        Watkins and Dayan (1992), Q-learning. https://doi.org/10.1007/BF00992698
    """
    q_tm1, q_t = action_values(where, q_tm1=q_tm1, q_t=q_t)
    return action_error(where, q_tm1, a_tm1, r_t, discount_t, numerics.largest(q_t))


def q_learning_loss(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Q-learning loss of deep Q-networks (DQN): half the squared temporal-difference error.

    .. math:: \ell = \tfrac12 \delta^2, \qquad
              \delta = \mathrm{sg}\left( r_t + \gamma_t \max_a q_t(a) \right) - q_{t-1}(a_{t-1})

    No gradient flows through the target. For a loss that is robust to outliers pass `jaxloss.q_learning_error` to
    `jaxloss.huber_loss`. For offline data, conservative Q-learning (CQL) adds
    ``softmax_cross_entropy_with_integer_labels(q_tm1, a_tm1)``, with a factor.

    Args:
        q_tm1: Action values at time t - 1, shape ``[..., A]``, floating.
        a_tm1: Actions taken at time t - 1, shape ``[...]``, integer in ``[0, A)``. An unmasked one outside gives NaN in
            value and gradient.
        r_t: Rewards at time t, shape ``[...]``, floating or integer.
        discount_t: Discounts at time t, shape ``[...]``; 0 where the episode ends.
        q_t: Action values at time t, shape ``[..., A]``, floating; no gradient flows through them. An action of value
            -inf is never chosen.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the value equals its target.

    Raises:
        TypeError: If ``q_tm1`` or ``q_t`` are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, q_t = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]])
        >>> jaxloss.q_learning_loss(q_tm1, jnp.array([0]), jnp.array([1.0]), jnp.array([0.5]), q_t)
        Array(2., dtype=float32)

    Reference:
        Mnih et al. (2015), Human-level control through deep reinforcement learning.
        https://doi.org/10.1038/nature14236
    """
    errors = q_learning_error(q_tm1, a_tm1, r_t, discount_t, q_t, where=where)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)


def double_q_learning_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t_value: ArrayLike,
    q_t_selector: ArrayLike,
    *,
    where: ArrayLike | None = None,
) -> Array:
    r"""Temporal-difference error of double Q-learning; rlax's ``double_q_learning``, for any batch.

    .. math:: \delta = \mathrm{sg}\left( r_t + \gamma_t \, q_t(a^*) \right) - q_{t-1}(a_{t-1}), \qquad
              a^* = \arg\max_a s_t(a)

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t_value, q_t_selector: See `jaxloss.double_q_learning_loss`, which is half the square of this error.
        where: Boolean, shape ``[...]``. The error is 0 where it is False.

    Returns:
        Errors, shape ``[...]``; positive where the target exceeds the prediction.

    Raises:
        TypeError: If action values are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, value, selector = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([[1.0, 0.0]])
        >>> jaxloss.double_q_learning_error(q_tm1, jnp.array([0]), jnp.ones(1), jnp.array([0.5]), value, selector)
        Array([1.], dtype=float32)

    Reference:
        van Hasselt, Guez and Silver (2016), Deep Reinforcement Learning with Double Q-learning.
        https://arxiv.org/abs/1509.06461
    """
    q_tm1, q_t, selector = action_values(where, q_tm1=q_tm1, q_t_value=q_t_value, q_t_selector=q_t_selector)
    best = jnp.argmax(selector, axis=-1, keepdims=True)
    value = jnp.take_along_axis(q_t, best, axis=-1)[..., 0]
    value = numerics.poison(value, known(q_t) & known(selector))
    return action_error(where, q_tm1, a_tm1, r_t, discount_t, value)


def double_q_learning_loss(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t_value: ArrayLike,
    q_t_selector: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Double Q-learning loss of double DQN: half the squared temporal-difference error.

    .. math:: \ell = \tfrac12 \delta^2, \qquad
              \delta = \mathrm{sg}\left( r_t + \gamma_t \, q_t(\arg\max_a s_t(a)) \right) - q_{t-1}(a_{t-1})

    One network chooses the next action, another evaluates it: the maximum of noisy values is biased upwards, and this
    removes most of the bias.

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t_value: Action values :math:`q_t` at time t from the target network, shape ``[..., A]``, floating.
        q_t_selector: Action values :math:`s_t` from the online network, which choose the next action (the first of
            equal ones), shape ``[..., A]``, floating. No gradient flows through either.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the value equals its target.

    Raises:
        TypeError: If action values are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, value, selector = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([[1.0, 0.0]])
        >>> jaxloss.double_q_learning_loss(q_tm1, jnp.array([0]), jnp.ones(1), jnp.array([0.5]), value, selector)
        Array(0.5, dtype=float32)

    Reference:
        van Hasselt, Guez and Silver (2016), Deep Reinforcement Learning with Double Q-learning.
        https://arxiv.org/abs/1509.06461
    """
    errors = double_q_learning_error(q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector, where=where)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)
