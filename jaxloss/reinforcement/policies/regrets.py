"""Policy gradients of all actions by their regrets: how much better each is than the policy."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["regret_matching_pg_loss", "regret_pg_loss"]


def _probs_and_regrets(where: ArrayLike | None, logits_t: ArrayLike, q_t: ArrayLike) -> tuple[Array, Array]:
    """The policy ``[..., A]``, and by how much the value of each action exceeds that of the policy, at least 0.

    Values are counted from the largest: the regret of the best action is a sum without cancellation.
    """
    logits, values = checks.values(logits_t=logits_t, q_t=q_t)
    checks.with_axes("actions", logits_t=logits)
    logits, values = promote(hide(where, logits, event_ndim=1), hide(where, values, event_ndim=1))
    values = jax.lax.stop_gradient(values)
    absent = jnp.isneginf(logits)
    best = jnp.max(jnp.where(absent, -jnp.inf, values), axis=-1, keepdims=True)
    below = jnp.where(absent, jnp.zeros((), values.dtype), values - best)
    probs = jax.nn.softmax(below_peak(logits)[0], axis=-1)
    advantages = below - jnp.sum(probs * below, axis=-1, keepdims=True)
    return probs, jnp.where(absent, jnp.zeros((), values.dtype), numerics.positive_part(advantages))


def regret_pg_loss(
    logits_t: ArrayLike,
    q_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Regret policy gradient (RPG): the sum of the positive regrets of all actions; rlax's ``rpg_loss``.

    .. math:: \ell = \sum_a \max\left( 0, \; q(a) - \sum_b \pi(b) \, q(b) \right)

    The gradient flows through the value of the policy, not through the values of the actions: the policy improves
    until no action is better than it. The values of all actions are needed, not only that of a sampled one. The Q-based
    policy gradient (QPG) of the same paper minimises :math:`-\sum_b \pi(b) \, q(b)`, which is
    ``jaxloss.minimum_risk_loss(logits_t, -q_t)`` with constant values.

    Args:
        logits_t: Unnormalised log-probabilities of the actions, shape ``[..., A]``, floating. An action of logit -inf
            is forbidden: it has no regret.
        q_t: Values of all actions, shape ``[..., A]``, the same. No gradient flows through them.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of reward; 0 if the policy takes only the best actions.

    Raises:
        TypeError: If ``logits_t`` are not floating.
        ValueError: If the shapes differ, or the action axis is empty.

    Example:
        >>> jaxloss.regret_pg_loss(jnp.zeros((1, 3)), jnp.array([[3.0, 1.0, -1.0]]))
        Array(2., dtype=float32)

    Reference:
        Srinivasan et al. (2018), Actor-Critic Policy Optimization in Partially Observable Multiagent Environments.
        https://arxiv.org/abs/1810.09026
    """
    _, regrets = _probs_and_regrets(where, logits_t, q_t)
    return reduce(jnp.sum(regrets, axis=-1), where=where, weights=weights, reduction=reduction)


def regret_matching_pg_loss(
    logits_t: ArrayLike,
    q_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Regret matching policy gradient (RMPG): every action is weighted by its positive regret; rlax's ``rm_loss``.

    .. math:: \ell = -\sum_a \pi(a) \, \mathrm{sg}\left( \max\left( 0, \; q(a) - \sum_b \pi(b) \, q(b) \right) \right)

    Actions worse than the policy have weight 0 instead of a negative one, as in the regret matching of games. Only the
    gradient is meaningful: the regrets pass none, and the value does not measure progress.

    Args:
        logits_t, q_t: See `jaxloss.regret_pg_loss`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar <= 0, in units of reward; 0 if the policy takes only the best actions.

    Raises:
        TypeError: If ``logits_t`` are not floating.
        ValueError: If the shapes differ, or the action axis is empty.

    Example:
        >>> jax.value_and_grad(jaxloss.regret_matching_pg_loss)(jnp.zeros((1, 2)), jnp.array([[4.0, 0.0]]))
        (Array(-1., dtype=float32), Array([[-0.5,  0.5]], dtype=float32))

    Reference:
        Srinivasan et al. (2018), Actor-Critic Policy Optimization in Partially Observable Multiagent Environments.
        https://arxiv.org/abs/1810.09026
    """
    probs, regrets = _probs_and_regrets(where, logits_t, q_t)
    values = -jnp.sum(probs * jax.lax.stop_gradient(regrets), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
