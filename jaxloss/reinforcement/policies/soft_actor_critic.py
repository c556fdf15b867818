"""Soft actor-critic (SAC): actor and critic losses with an entropy bonus, and the loss of its temperature."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import per_step, target

__all__ = ["sac_actor_loss", "sac_critic_loss", "sac_temperature_loss"]


def _critics(where: ArrayLike | None, **arrays: ArrayLike) -> Array:
    """One value per critic, ``[..., critics]``, 0 where masked."""
    ((name, values),) = arrays.items()
    (values,) = checks.floating(**{name: values})
    checks.with_axes("critics", allow_empty=False, **{name: values})
    return hide(where, values, event_ndim=1)


def sac_actor_loss(
    log_probs_t: ArrayLike,
    q_t: ArrayLike,
    *,
    temperature: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Actor loss of SAC: entropy-regularised policy improvement under the smallest of the critics.

    .. math:: \ell = \alpha \log \pi(a_t) - \min_i q_i(a_t)

    for an action :math:`a_t` sampled from the policy by reparametrisation, so that gradients flow through it into both
    terms. Freeze the parameters of the critics, not their input. For discrete actions, the mean over all of them is
    ``minimum_risk_loss(logits, -q) + temperature * entropy_loss(logits)``, of the smallest values ``[..., A]``.

    Args:
        log_probs_t: Log-densities of the sampled actions, shape ``[...]``, floating.
        q_t: Values of these actions by C critics, shape ``[..., C]``, floating; C is 2 in the paper.
        temperature: Temperature :math:`\alpha` >= 0, in units of reward per nat. No gradient flows through it.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar of either sign, in units of reward.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the leading axes differ, the axis of critics is empty, or ``temperature`` is negative.

    Example:
        >>> jaxloss.sac_actor_loss(jnp.array([-1.0]), jnp.array([[3.0, 2.0]]), temperature=0.5)
        Array(-2.5, dtype=float32)

    Reference:
        Haarnoja et al. (2018), Soft Actor-Critic Algorithms and Applications. https://arxiv.org/abs/1812.05905
    """
    (log_probs_t,) = checks.floating(log_probs_t=log_probs_t)
    q_t = _critics(where, q_t=q_t)
    checks.has_shape(q_t.shape[:-1], "q_t.shape[:-1], the critics are last", log_probs_t=log_probs_t)
    log_probs_t, q_t = promote(hide(where, log_probs_t), q_t)
    alpha = checks.scalar("temperature", temperature, q_t.dtype, at_least=0)
    values = jax.lax.stop_gradient(alpha) * log_probs_t - numerics.smallest(q_t)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def sac_critic_loss(
    q_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_t: ArrayLike,
    log_probs_t: ArrayLike,
    *,
    temperature: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Critic loss of SAC: half the squared errors of all critics against one entropy-regularised target.

    .. math:: \ell = \tfrac12 \sum_i \left( q_{i,t-1} - y \right)^2, \qquad
              y = \mathrm{sg}\left( r_t + \gamma_t \left( \min_j q_{j,t} - \alpha \log \pi(a_t) \right) \right)

    With ``temperature=0`` and zeros for ``log_probs_t`` it is the loss of the twin critics of TD3, whose next actions
    are those of the target policy with clipped noise added.

    Args:
        q_tm1: Values of the actions taken at time t - 1 by C critics, shape ``[..., C]``, floating.
        r_t, discount_t: See `jaxloss.td_loss`.
        q_t: Values of actions sampled at time t by D target networks, shape ``[..., D]``, floating.
        log_probs_t: Log-densities of these sampled actions, shape ``[...]``. No gradient flows through the target.
        temperature: Temperature :math:`\alpha` >= 0, in units of reward per nat. No gradient flows through it.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if all critics equal the target.

    Raises:
        TypeError: If ``q_tm1`` or ``q_t`` are not floating.
        ValueError: If the leading axes differ, the axis of critics is empty, or ``temperature`` is negative.

    Example:
        >>> q, r, discount, log_probs = jnp.array([[3.0, 2.0]]), jnp.ones(1), jnp.array([0.5]), jnp.array([-4.0])
        >>> jaxloss.sac_critic_loss(q, r, discount, q, log_probs, temperature=0.25)
        Array(0.25, dtype=float32)

    Reference:
        Haarnoja et al. (2018), Soft Actor-Critic Algorithms and Applications. https://arxiv.org/abs/1812.05905
    """
    q_tm1, q_t = _critics(where, q_tm1=q_tm1), _critics(where, q_t=q_t)
    batch = q_tm1.shape[:-1]
    checks.has_shape((*batch, q_t.shape[-1]), "the critics are last", q_t=q_t)
    steps = per_step(where, batch, r_t=r_t, discount_t=discount_t, log_probs_t=log_probs_t)
    q_tm1, q_t, r_t, discount_t, log_probs_t = promote(q_tm1, q_t, *steps)
    alpha = checks.scalar("temperature", temperature, q_t.dtype, at_least=0)
    aim = target(r_t, discount_t, numerics.smallest(q_t) - alpha * log_probs_t)
    values = 0.5 * jnp.sum(jnp.square(q_tm1 - aim[..., None]), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def sac_temperature_loss(
    log_temperature: ArrayLike,
    log_probs_t: ArrayLike,
    *,
    target_entropy: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Temperature loss of SAC: raises the temperature while the entropy of the policy is below its target.

    .. math:: \ell = -\alpha \, \mathrm{sg}\left( \log \pi(a_t) + \bar H \right), \qquad \alpha = e^{\theta}

    This is the loss of the paper. Many implementations write :math:`\theta` in place of :math:`\alpha`, which divides
    the gradient by :math:`\alpha`.

    Args:
        log_temperature: The trained logarithm of the temperature, :math:`\theta`, shape ``[]``, floating.
        log_probs_t: Log-densities of actions sampled from the policy, shape ``[...]``. No gradient flows through them.
        target_entropy: Target :math:`\bar H` of the entropy, in nats; minus the number of action dimensions in the
            paper.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar of either sign.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If ``log_temperature.shape != ()``.

    Example:
        >>> jaxloss.sac_temperature_loss(jnp.array(0.0), jnp.array([1.0, 2.0]), target_entropy=-1.0)
        Array(-0.5, dtype=float32)

    Reference:
        Haarnoja et al. (2018), Soft Actor-Critic Algorithms and Applications. https://arxiv.org/abs/1812.05905
    """
    log_temperature, log_probs_t = checks.floating(log_temperature=log_temperature, log_probs_t=log_probs_t)
    checks.has_shape((), "one number for all", log_temperature=log_temperature)
    log_temperature, log_probs_t = promote(log_temperature, *blank(where, log_probs_t))
    wanted = checks.scalar("target_entropy", target_entropy, log_probs_t.dtype)
    values = -jnp.exp(log_temperature) * jax.lax.stop_gradient(log_probs_t + wanted)
    return reduce(values, where=where, weights=weights, reduction=reduction)
