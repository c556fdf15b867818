"""Policy gradients: raise the probability of actions with a positive advantage, within limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import label_terms
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import per_step

__all__ = [
    "advantage_weighted_loss",
    "clipped_surrogate_pg_loss",
    "policy_gradient_loss",
    "reinforce_loss",
]


def policy_gradient_loss(
    logits_t: ArrayLike,
    a_t: ArrayLike,
    adv_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""REINFORCE for discrete actions: the negative log-probability of the action times its advantage.

    .. math:: \ell = -\mathrm{sg}(A_t) \log \pi(a_t)

    Only the gradient is meaningful: the value has no lower bound and falls as actions with negative advantages become
    rarer. No gradient flows through the advantages. A weighted mean divides by the sum of the weights; rlax divides by
    the number of steps.

    Args:
        logits_t: Unnormalised log-probabilities of the actions, shape ``[..., A]``, floating. An action of logit
            -inf is forbidden; it must not have been taken.
        a_t: Actions taken, shape ``[...]``, integer in ``[0, A)``. An unmasked one outside gives NaN in value and
            gradient.
        adv_t: Advantages or returns of the actions, shape ``[...]``.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar of either sign, in nats times units of reward.

    Raises:
        TypeError: If ``logits_t`` are not floating or ``a_t`` not integer.
        ValueError: If the leading axes of the inputs differ, or the action axis is empty.

    Example:
        >>> jaxloss.policy_gradient_loss(jnp.zeros((1, 2)), jnp.array([0]), jnp.array([2.0]))
        Array(1.3862944, dtype=float32)

    Reference:
        Williams (1992), Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning.
        https://doi.org/10.1007/BF00992696
    """
    logits_t, a_t = checks.scores_and_labels(logits_t=logits_t, a_t=a_t)
    (adv_t,) = per_step(where, a_t.shape, adv_t=adv_t)
    logits_t, a_t = hide(where, logits_t, event_ndim=1), hide(where, a_t)
    num_actions = logits_t.shape[-1]
    value_checks.ensure_labels(a_t, num_actions, "a_t")
    inside = jnp.clip(a_t, 0, num_actions - 1)
    nll, adv_t = promote(label_terms(logits_t, inside)[0], adv_t)
    values = numerics.poison(jax.lax.stop_gradient(adv_t) * nll, inside == a_t)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def reinforce_loss(
    log_probs_t: ArrayLike,
    adv_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""REINFORCE from log-probabilities, for any kind of action: the negative log-probability times its advantage.

    .. math:: \ell = -\mathrm{sg}(A_t) \log \pi(a_t)

    No gradient flows through the advantages. For discrete actions `jaxloss.policy_gradient_loss` takes the logits.

    Args:
        log_probs_t: Log-probabilities or log-densities of the actions taken, shape ``[...]``, floating.
        adv_t: Advantages or returns of the actions, shape ``[...]``, the same.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar of either sign, in nats times units of reward.

    Raises:
        TypeError: If ``log_probs_t`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.reinforce_loss(jnp.array([-0.5, -2.0]), jnp.array([1.0, -1.0]), reduction="none")
        Array([ 0.5, -2. ], dtype=float32)

    Reference:
        Williams (1992), Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning.
        https://doi.org/10.1007/BF00992696
    """
    log_probs_t, adv_t = blank(where, *checks.values(log_probs_t=log_probs_t, adv_t=adv_t))
    return reduce(-jax.lax.stop_gradient(adv_t) * log_probs_t, where=where, weights=weights, reduction=reduction)


def advantage_weighted_loss(
    log_probs_t: ArrayLike,
    adv_t: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    max_weight: Scalar = 100.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Advantage-weighted regression (AWR, AWAC, IQL): imitate actions with weights exponential in their advantage.

    .. math:: \ell = -\mathrm{sg}\left( \min\left( e^{A_t / \beta}, w_{\max} \right) \right) \log \pi(a_t)

    No gradient flows through the advantages. Unlike `jaxloss.reinforce_loss` it never lowers the probability of an
    action, so the actions may come from another policy. The other losses of implicit Q-learning (IQL) are
    `jaxloss.expectile_loss`, of the values of states against those of the actions in the data, and `jaxloss.td_loss`.

    Args:
        log_probs_t: Log-probabilities or log-densities of the actions taken, shape ``[...]``, floating.
        adv_t: Advantages of the actions, shape ``[...]``, the same.
        temperature: Temperature :math:`\beta` > 0, in units of the advantages: as much more advantage multiplies the
            weight of an action by e.
        max_weight: The largest weight :math:`w_{\max}`, > 0: 100 in IQL, 20 in AWR.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar, in nats; >= 0 for log-probabilities, of either sign for log-densities.

    Raises:
        TypeError: If ``log_probs_t`` are not floating.
        ValueError: If the shapes differ or a hyperparameter is not positive.

    Example:
        >>> jaxloss.advantage_weighted_loss(jnp.array([-0.5, -2.0]), jnp.array([0.0, 9.0]), reduction="none")
        Array([  0.5, 200. ], dtype=float32)

    Reference:
        Peng, Kumar, Zhang and Levine (2019), Advantage-Weighted Regression. https://arxiv.org/abs/1910.00177
        Kostrikov, Nair and Levine (2022), Offline Reinforcement Learning with Implicit Q-Learning.
        https://arxiv.org/abs/2110.06169
    """
    log_probs_t, adv_t = blank(where, *checks.values(log_probs_t=log_probs_t, adv_t=adv_t))
    beta = checks.scalar("temperature", temperature, adv_t.dtype, above=0)
    limit = checks.scalar("max_weight", max_weight, adv_t.dtype, above=0)
    factor = jax.lax.stop_gradient(jnp.minimum(jnp.exp(adv_t / beta), limit) + numerics.trace_of_nan(adv_t))
    return reduce(-factor * log_probs_t, where=where, weights=weights, reduction=reduction)


def clipped_surrogate_pg_loss(
    prob_ratios_t: ArrayLike,
    adv_t: ArrayLike,
    *,
    clip: Scalar = 0.2,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Clipped surrogate objective of PPO from probability ratios; `jaxloss.ppo_clip_loss` takes log-probabilities.

    .. math:: \ell = -\min\left( \rho A, \; \operatorname{clip}(\rho, 1 - \epsilon, 1 + \epsilon) A \right)

    A ratio that has moved by more than :math:`\epsilon` in the direction of its advantage has zero gradient. No
    gradient flows through the advantages. An infinite ratio, from an exponential that overflowed, is clipped if the
    advantage is >= 0, and gives an infinite loss if it is negative. A NaN in a ratio or an advantage gives NaN.

    Args:
        prob_ratios_t: Ratios :math:`\rho = \pi(a) / \pi_{old}(a)`, shape ``[...]``, floating, >= 0:
            ``jnp.exp(log_probs - old_log_probs)``. A negative one gives NaN in value and gradient.
        adv_t: Advantages of the actions, shape ``[...]``, the same.
        clip: How far the ratio may move from 1, :math:`\epsilon`; >= 0.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar of either sign, in units of reward.

    Raises:
        TypeError: If ``prob_ratios_t`` are not floating.
        ValueError: If the shapes differ or ``clip`` is negative.

    Example:
        >>> ratios, advantages = jnp.array([0.5, 1.5, 1.5]), jnp.array([1.0, 1.0, -1.0])
        >>> jaxloss.clipped_surrogate_pg_loss(ratios, advantages, clip=0.25, reduction="none")
        Array([-0.5 , -1.25,  1.5 ], dtype=float32)

    Reference:
        Schulman, Wolski, Dhariwal, Radford and Klimov (2017), Proximal Policy Optimization Algorithms.
        https://arxiv.org/abs/1707.06347
    """
    prob_ratios_t, adv_t = checks.values(prob_ratios_t=prob_ratios_t, adv_t=adv_t)
    ratios, adv_t = blank(where, prob_ratios_t, adv_t, fill=1)
    clip = checks.scalar("clip", clip, ratios.dtype, at_least=0)
    value_checks.ensure(lambda: ratios >= 0, "prob_ratios_t must be >= 0")
    adv_t = jax.lax.stop_gradient(adv_t)
    # Of the two products only one can be the smaller, and the sign of the advantage says which.
    limited = jnp.where(adv_t >= 0, jnp.minimum(ratios, 1 + clip), jnp.maximum(ratios, 1 - clip))
    values = numerics.poison(-adv_t * limited, ratios >= 0)
    return reduce(values, where=where, weights=weights, reduction=reduction)
