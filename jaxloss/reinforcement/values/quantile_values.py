"""Values as quantiles of the return (QR-DQN, IQN): quantile regression on all samples of the target."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import known, per_step, target
from jaxloss.reinforcement.values._quantiles import distributions, each_level, of_action, sample_losses

__all__ = ["quantile_expected_sarsa_loss", "quantile_q_learning_loss"]


def quantile_q_learning_loss(
    dist_q_tm1: ArrayLike,
    tau_q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    dist_q_t_selector: ArrayLike,
    dist_q_t: ArrayLike,
    *,
    huber_param: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quantile Q-learning: the loss of QR-DQN, and of IQN with random levels.

    .. math:: \ell = \sum_i \frac{1}{M} \sum_j \left| \tau_i - 1[u_{ij} < 0] \right|
              \frac{L_\kappa(u_{ij})}{\kappa}, \qquad
              u_{ij} = \mathrm{sg}\left( r_t + \gamma_t z_j(a^*) \right) - q_i(a_{t-1})

    with :math:`L_\kappa` the Huber loss and :math:`a^*` the action of the largest mean in ``dist_q_t_selector``. With
    :math:`\kappa = 0` it is the pinball loss of quantile regression. rlax does not divide by :math:`\kappa`: the
    numbers are equal at 0 and 1.

    Args:
        dist_q_tm1: Quantiles per action at time t - 1, shape ``[..., N, A]``, floating.
        tau_q_tm1: Levels of these quantiles in [0, 1]: shape ``[N]``, shared by all, or ``[..., N]``. One outside gives
            NaN in value and gradient.
        a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        dist_q_t_selector: Quantiles whose mean chooses the next action, shape ``[..., S, A]``, floating.
        dist_q_t: Quantiles :math:`z` at time t, shape ``[..., M, A]``, floating. No gradient flows through it or
            ``dist_q_t_selector``.
        huber_param: Error :math:`\kappa` from which the loss is linear, in units of reward; >= 0.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in units of reward; exactly 0 if all quantiles equal all samples of the target.

    Raises:
        TypeError: If quantiles are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not match, an axis of quantiles or actions is empty, or ``huber_param`` is
            negative.

    Example:
        >>> dist, tau = jnp.array([[[0.0, 1.0], [2.0, 1.0]]]), jnp.array([0.25, 0.75])
        >>> jaxloss.quantile_q_learning_loss(dist, tau, jnp.array([0]), jnp.ones(1), jnp.zeros(1), dist, dist)
        Array(0.25, dtype=float32)

    Reference:
        Dabney, Rowland, Bellemare and Munos (2018), Distributional Reinforcement Learning with Quantile Regression.
        https://arxiv.org/abs/1710.10044
        Dabney, Ostrovski, Silver and Munos (2018), Implicit Quantile Networks for Distributional Reinforcement
        Learning. https://arxiv.org/abs/1806.06923
    """
    dists = {"dist_q_tm1": dist_q_tm1, "dist_q_t_selector": dist_q_t_selector, "dist_q_t": dist_q_t}
    dist_q_tm1, selector, dist_q_t = distributions(where, **dists)
    quantiles = of_action(where, dist_q_tm1, a_tm1)
    r_t, discount_t = per_step(where, quantiles.shape[:-1], r_t=r_t, discount_t=discount_t)
    levels = each_level(where, tau_q_tm1, quantiles.shape)
    quantiles, levels, r_t, discount_t, dist_q_t = promote(quantiles, levels, r_t, discount_t, dist_q_t)
    kappa = checks.scalar("huber_param", huber_param, quantiles.dtype, at_least=0)
    best = jnp.argmax(plain_mean(selector, -2), axis=-1)[..., None, None]
    samples = target(r_t[..., None], discount_t[..., None], jnp.take_along_axis(dist_q_t, best, axis=-1)[..., 0])
    each = sample_losses(quantiles, levels, samples, jnp.asarray(kappa, levels.dtype))
    values = jnp.sum(plain_mean(each, -1), axis=-1)
    whole = known(numerics.largest(selector)) & known(numerics.largest(dist_q_t))
    return reduce(numerics.poison(values, whole), where=where, weights=weights, reduction=reduction)


def quantile_expected_sarsa_loss(
    dist_q_tm1: ArrayLike,
    tau_q_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    dist_q_t: ArrayLike,
    probs_a_t: ArrayLike,
    *,
    huber_param: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Expected SARSA for quantiles of the return: quantile regression on the mixture of all next actions.

    .. math:: \ell = \sum_a \pi_t(a) \sum_i \frac{1}{M} \sum_j \left| \tau_i - 1[u_{ija} < 0] \right|
              \frac{L_\kappa(u_{ija})}{\kappa}, \qquad
              u_{ija} = \mathrm{sg}\left( r_t + \gamma_t z_j(a) \right) - q_i(a_{t-1})

    with :math:`L_\kappa` the Huber loss. Where `jaxloss.quantile_q_learning_loss` takes the quantiles of the best next
    action, this loss takes those of every action, with its probability: the distribution of the return under the
    policy. rlax does not divide by :math:`\kappa`, and its default is 0: the numbers are equal at 0 and 1.

    Args:
        dist_q_tm1, tau_q_tm1, a_tm1, r_t, discount_t, huber_param: See `jaxloss.quantile_q_learning_loss`.
        dist_q_t: Quantiles :math:`z` per action at time t, shape ``[..., M, A]``, floating.
        probs_a_t: Probabilities :math:`\pi_t` of the actions at time t, shape ``[..., A]``, floating in [0, 1]; one
            outside gives NaN in value and gradient. An action of probability 0 does not count, even if its quantiles
            are infinite. No gradient flows through ``dist_q_t`` or ``probs_a_t``.
        where, weights, reduction: See `jaxloss.quantile_q_learning_loss`.

    Returns:
        A scalar >= 0, in units of reward; exactly 0 if all quantiles equal all samples of the target.

    Raises:
        TypeError: If quantiles or probabilities are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not match, an axis of quantiles or actions is empty, or ``huber_param`` is
            negative.

    Example:
        >>> dist, tau, probs = jnp.array([[[0.0, 1.0], [2.0, 1.0]]]), jnp.array([0.25, 0.75]), jnp.array([[0.5, 0.5]])
        >>> jaxloss.quantile_expected_sarsa_loss(dist, tau, jnp.array([0]), jnp.zeros(1), jnp.ones(1), dist, probs)
        Array(0.3125, dtype=float32)

    Reference:
        van Seijen, van Hasselt, Whiteson and Wiering (2009), A Theoretical and Empirical Analysis of Expected Sarsa.
        https://doi.org/10.1109/ADPRL.2009.4927542
        Dabney, Rowland, Bellemare and Munos (2018), Distributional Reinforcement Learning with Quantile Regression.
        https://arxiv.org/abs/1710.10044
    """
    dist_q_tm1, dist_q_t = distributions(where, dist_q_tm1=dist_q_tm1, dist_q_t=dist_q_t)
    quantiles = of_action(where, dist_q_tm1, a_tm1)
    batch = quantiles.shape[:-1]
    r_t, discount_t = per_step(where, batch, r_t=r_t, discount_t=discount_t)
    levels = each_level(where, tau_q_tm1, quantiles.shape)
    (probs,) = checks.floating(probs_a_t=probs_a_t)
    checks.has_shape((*batch, dist_q_t.shape[-1]), "one probability per action", probs_a_t=probs)
    probs = hide(where, probs, event_ndim=1, fill=1 / probs.shape[-1])
    value_checks.ensure_probabilities(probs_a_t=probs, sum_to_one=True)
    quantiles, levels, r_t, discount_t, dist_q_t, probs = promote(
        quantiles, levels, r_t, discount_t, dist_q_t, jax.lax.stop_gradient(probs)
    )
    kappa = checks.scalar("huber_param", huber_param, quantiles.dtype, at_least=0)
    valid = jnp.all((probs >= 0) & (probs <= 1), axis=-1)
    absent = jnp.broadcast_to(probs[..., None, :] == 0, dist_q_t.shape)
    dist_q_t = jnp.where(absent, jnp.zeros((), probs.dtype), dist_q_t)
    samples = jnp.moveaxis(target(r_t[..., None, None], discount_t[..., None, None], dist_q_t), -1, -2)
    each = sample_losses(quantiles[..., None, :], levels[..., None, :], samples, jnp.asarray(kappa, levels.dtype))
    values = jnp.sum(probs * jnp.sum(plain_mean(each, -1), axis=-1), axis=-1)
    return reduce(numerics.poison(values, valid), where=where, weights=weights, reduction=reduction)
