"""Q-learning: the value of an action is pulled towards the reward plus the value of the best next action."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.reinforcement._transitions import action_values, chosen, known, per_step, target

__all__ = ["double_q_learning_error", "double_q_learning_loss", "q_learning_error", "q_learning_loss"]


def q_learning_error(
    q_tm1: ArrayLike, a_tm1: ArrayLike, r_t: ArrayLike, discount_t: ArrayLike, q_t: ArrayLike
) -> Array:
    r"""Temporal-difference error of Q-learning; rlax's ``q_learning``, for any batch.

    .. math:: \delta = \mathrm{sg}\left( r_t + \gamma_t \max_a q_t(a) \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1: Action values of the states that are left, shape ``[..., A]``, floating.
        a_tm1: The actions taken, shape ``[...]``, integer in ``[0, A)``; outside gives NaN in value and gradient.
        r_t: Rewards, shape ``[...]``.
        discount_t: Discounts, shape ``[...]``; 0 where the episode ends.
        q_t: Action values of the states that are reached, shape ``[..., A]``, floating; they pass no gradient. An
            action of value -inf is never chosen.

    Returns:
        Errors, shape ``[...]``; positive where the outcome is better than predicted.

    Raises:
        TypeError: If ``q_tm1`` or ``q_t`` are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not fit or there is no action.

    Example:
        >>> q_tm1, q_t = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]])
        >>> jaxloss.q_learning_error(q_tm1, jnp.array([0]), jnp.array([1.0]), jnp.array([0.5]), q_t)
        Array([2.], dtype=float32)

    Reference:
        Watkins and Dayan (1992), Q-learning. https://doi.org/10.1007/BF00992698
    """
    return _q_learning_error(None, q_tm1, a_tm1, r_t, discount_t, q_t)


def _q_learning_error(
    where: ArrayLike | None, q_tm1: ArrayLike, a_tm1: ArrayLike, r_t: ArrayLike, discount_t: ArrayLike, q_t: ArrayLike
) -> Array:
    q_tm1, a_tm1 = checks.scores_and_labels(q_tm1=q_tm1, a_tm1=a_tm1)
    q_tm1, q_t = action_values(where, q_tm1=q_tm1, q_t=q_t)
    r_t, discount_t = per_step(where, a_tm1.shape, r_t=r_t, discount_t=discount_t)
    q_tm1, r_t, discount_t, q_t = promote(q_tm1, r_t, discount_t, q_t)
    return target(r_t, discount_t, jnp.max(q_t, axis=-1)) - chosen(q_tm1, a_tm1=hide(where, a_tm1))


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
    r"""Half the squared error of Q-learning, the loss of deep Q-networks (DQN).

    .. math:: \ell = \tfrac12 \delta^2, \qquad
              \delta = \mathrm{sg}\left( r_t + \gamma_t \max_a q_t(a) \right) - q_{t-1}(a_{t-1})

    The target passes no gradient. For a loss that is robust to outliers put `q_learning_error` into `huber_loss`.

    Args:
        q_tm1: Action values of the states that are left, shape ``[..., A]``, floating.
        a_tm1: The actions taken, shape ``[...]``, integer in ``[0, A)``; outside gives NaN in value and gradient.
        r_t: Rewards, shape ``[...]``.
        discount_t: Discounts, shape ``[...]``; 0 where the episode ends.
        q_t: Action values of the states that are reached, from the target network, shape ``[..., A]``, floating. An
            action of value -inf is never chosen.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of reward; 0 exactly where the value equals its target.

    Raises:
        TypeError: If ``q_tm1`` or ``q_t`` are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not fit or there is no action.

    Example:
        >>> q_tm1, q_t = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]])
        >>> jaxloss.q_learning_loss(q_tm1, jnp.array([0]), jnp.array([1.0]), jnp.array([0.5]), q_t)
        Array(2., dtype=float32)

    Reference:
        Mnih et al. (2015), Human-level control through deep reinforcement learning.
        https://doi.org/10.1038/nature14236
    """
    errors = _q_learning_error(where, q_tm1, a_tm1, r_t, discount_t, q_t)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)


def double_q_learning_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t_value: ArrayLike,
    q_t_selector: ArrayLike,
) -> Array:
    r"""Error of double Q-learning: one network chooses the next action, another values it.

    .. math:: \delta = \mathrm{sg}\left( r_t + \gamma_t \, q_t(a^*) \right) - q_{t-1}(a_{t-1}), \qquad
              a^* = \arg\max_a s_t(a)

    The maximum of noisy values is too large; choosing with another network takes most of that bias away.

    Args:
        q_tm1: Action values of the states that are left, shape ``[..., A]``, floating.
        a_tm1: The actions taken, shape ``[...]``, integer in ``[0, A)``; outside gives NaN in value and gradient.
        r_t: Rewards, shape ``[...]``.
        discount_t: Discounts, shape ``[...]``; 0 where the episode ends.
        q_t_value: Values :math:`q_t` of the next actions, from the target network, shape ``[..., A]``, floating.
        q_t_selector: Values :math:`s_t` that choose the next action, from the online network, shape ``[..., A]``,
            floating. Neither passes a gradient. The first of equal ones is chosen.

    Returns:
        Errors, shape ``[...]``; positive where the outcome is better than predicted.

    Raises:
        TypeError: If action values are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not fit or there is no action.

    Example:
        >>> q_tm1, value, selector = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([[1.0, 0.0]])
        >>> jaxloss.double_q_learning_error(q_tm1, jnp.array([0]), jnp.ones(1), jnp.array([0.5]), value, selector)
        Array([1.], dtype=float32)

    Reference:
        van Hasselt, Guez and Silver (2016), Deep Reinforcement Learning with Double Q-learning.
        https://arxiv.org/abs/1509.06461
    """
    return _double_q_learning_error(None, q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector)


def _double_q_learning_error(
    where: ArrayLike | None,
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t_value: ArrayLike,
    q_t_selector: ArrayLike,
) -> Array:
    q_tm1, a_tm1 = checks.scores_and_labels(q_tm1=q_tm1, a_tm1=a_tm1)
    q_tm1, q_t_value, selector = action_values(where, q_tm1=q_tm1, q_t_value=q_t_value, q_t_selector=q_t_selector)
    r_t, discount_t = per_step(where, a_tm1.shape, r_t=r_t, discount_t=discount_t)
    q_tm1, r_t, discount_t, q_t = promote(q_tm1, r_t, discount_t, q_t_value)
    best = jnp.argmax(selector, axis=-1, keepdims=True)
    value = jnp.take_along_axis(q_t, best, axis=-1)[..., 0]
    value = numerics.poison(value, known(q_t) & known(selector))
    return target(r_t, discount_t, value) - chosen(q_tm1, a_tm1=hide(where, a_tm1))


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
    r"""Half the squared error of double Q-learning, the loss of double DQN.

    .. math:: \ell = \tfrac12 \delta^2, \qquad
              \delta = \mathrm{sg}\left( r_t + \gamma_t \, q_t(\arg\max_a s_t(a)) \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1: Action values of the states that are left, shape ``[..., A]``, floating.
        a_tm1: The actions taken, shape ``[...]``, integer in ``[0, A)``; outside gives NaN in value and gradient.
        r_t: Rewards, shape ``[...]``.
        discount_t: Discounts, shape ``[...]``; 0 where the episode ends.
        q_t_value: Values :math:`q_t` of the next actions, from the target network, shape ``[..., A]``, floating.
        q_t_selector: Values :math:`s_t` that choose the next action, from the online network, shape ``[..., A]``,
            floating. Neither passes a gradient. The first of equal ones is chosen.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of reward; 0 exactly where the value equals its target.

    Raises:
        TypeError: If action values are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not fit or there is no action.

    Example:
        >>> q_tm1, value, selector = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([[1.0, 0.0]])
        >>> jaxloss.double_q_learning_loss(q_tm1, jnp.array([0]), jnp.ones(1), jnp.array([0.5]), value, selector)
        Array(0.5, dtype=float32)

    Reference:
        van Hasselt, Guez and Silver (2016), Deep Reinforcement Learning with Double Q-learning.
        https://arxiv.org/abs/1509.06461
    """
    errors = _double_q_learning_error(where, q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)
