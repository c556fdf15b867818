"""SARSA: regress the value of an action on the reward plus the discounted value of the action taken next."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.reinforcement._transitions import action_error, action_values, chosen, expected

__all__ = ["expected_sarsa_error", "expected_sarsa_loss", "sarsa_error", "sarsa_loss"]


def sarsa_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    a_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
) -> Array:
    r"""Temporal-difference error of SARSA; rlax's ``sarsa``, for any batch.

    .. math:: \delta = \mathrm{sg}\left( r_t + \gamma_t \, q_t(a_t) \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t, a_t: See `jaxloss.sarsa_loss`, which is half the square of this error.
        where: Boolean, shape ``[...]``. The error is 0 where it is False.

    Returns:
        Errors, shape ``[...]``; positive where the target exceeds the prediction.

    Raises:
        TypeError: If action values are not floating or actions not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, q_t, a = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([0])
        >>> jaxloss.sarsa_error(q_tm1, a, jnp.array([1.0]), jnp.array([0.5]), q_t, a)
        Array([1.], dtype=float32)

    Reference:
        Rummery and Niranjan (1994), On-line Q-learning Using Connectionist Systems.
        https://www.researchgate.net/publication/2500611
    """
    q_tm1, q_t = action_values(where, q_tm1=q_tm1, q_t=q_t)
    q_t, a_t = checks.scores_and_labels(q_t=q_t, a_t=a_t)
    return action_error(where, q_tm1, a_tm1, r_t, discount_t, chosen(q_t, a_t=hide(where, a_t)))


def sarsa_loss(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    a_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SARSA: half the squared temporal-difference error of the action that the policy takes next.

    .. math:: \ell = \tfrac12 \delta^2, \qquad
              \delta = \mathrm{sg}\left( r_t + \gamma_t \, q_t(a_t) \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t: Action values at time t, shape ``[..., A]``, floating; no gradient flows through them.
        a_t: Actions taken at time t, shape ``[...]``, integer in ``[0, A)``. An unmasked one outside gives NaN.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the value equals its target.

    Raises:
        TypeError: If action values are not floating or actions not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, q_t, a = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([0])
        >>> jaxloss.sarsa_loss(q_tm1, a, jnp.array([1.0]), jnp.array([0.5]), q_t, a)
        Array(0.5, dtype=float32)

    Reference:
        Rummery and Niranjan (1994), On-line Q-learning Using Connectionist Systems.
        https://www.researchgate.net/publication/2500611
    """
    errors = sarsa_error(q_tm1, a_tm1, r_t, discount_t, q_t, a_t, where=where)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)


def expected_sarsa_error(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    probs_a_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
) -> Array:
    r"""Temporal-difference error of expected SARSA; rlax's ``expected_sarsa``, for any batch.

    .. math:: \delta = \mathrm{sg}\left( r_t + \gamma_t \sum_a \pi_t(a) \, q_t(a) \right) - q_{t-1}(a_{t-1})

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t, probs_a_t: See `jaxloss.expected_sarsa_loss`, which is half the square of this error.
        where: Boolean, shape ``[...]``. The error is 0 where it is False.

    Returns:
        Errors, shape ``[...]``; positive where the target exceeds the prediction.

    Raises:
        TypeError: If action values or probabilities are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, q_t, probs = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([[0.5, 0.5]])
        >>> jaxloss.expected_sarsa_error(q_tm1, jnp.array([0]), jnp.array([1.0]), jnp.array([0.5]), q_t, probs)
        Array([1.5], dtype=float32)

    Reference:
        van Seijen, van Hasselt, Whiteson and Wiering (2009), A Theoretical and Empirical Analysis of Expected Sarsa.
        https://doi.org/10.1109/ADPRL.2009.4927542
    """
    q_tm1, q_t, probs = action_values(where, q_tm1=q_tm1, q_t=q_t, probs_a_t=probs_a_t)
    even = hide(where, probs, event_ndim=1, fill=1 / probs.shape[-1])
    value_checks.ensure_probabilities(probs_a_t=even, sum_to_one=True)
    q_t, probs = promote(q_t, probs)
    errors = action_error(where, q_tm1, a_tm1, r_t, discount_t, expected(q_t, probs))
    return numerics.poison(errors, jnp.all((probs >= 0) & (probs <= 1), axis=-1))


def expected_sarsa_loss(
    q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    probs_a_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Expected SARSA: half the squared temporal-difference error of the mean next value under the policy.

    .. math:: \ell = \tfrac12 \delta^2, \qquad
              \delta = \mathrm{sg}\left( r_t + \gamma_t \sum_a \pi_t(a) \, q_t(a) \right) - q_{t-1}(a_{t-1})

    The next value is averaged over the policy instead of sampled from it.

    Args:
        q_tm1, a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_t: Action values at time t, shape ``[..., A]``, floating.
        probs_a_t: Probabilities :math:`\pi_t` of the actions at time t, shape ``[..., A]``, floating in [0, 1]; one
            outside gives NaN in value and gradient. An action of probability 0 does not count, even if its value is
            infinite. No gradient flows through ``q_t`` or ``probs_a_t``.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the value equals its target.

    Raises:
        TypeError: If action values or probabilities are not floating or ``a_tm1`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> q_tm1, q_t, probs = jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 4.0]]), jnp.array([[0.5, 0.5]])
        >>> jaxloss.expected_sarsa_loss(q_tm1, jnp.array([0]), jnp.array([1.0]), jnp.array([0.5]), q_t, probs)
        Array(1.125, dtype=float32)

    Reference:
        van Seijen, van Hasselt, Whiteson and Wiering (2009), A Theoretical and Empirical Analysis of Expected Sarsa.
        https://doi.org/10.1109/ADPRL.2009.4927542
    """
    errors = expected_sarsa_error(q_tm1, a_tm1, r_t, discount_t, q_t, probs_a_t, where=where)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)
