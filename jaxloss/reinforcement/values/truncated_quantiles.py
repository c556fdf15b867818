"""Truncated quantile critics (TQC): critics of quantiles whose largest estimates are left out of the target."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import known, per_step, target
from jaxloss.reinforcement.values._quantiles import sample_losses

__all__ = ["truncated_quantile_critics_loss"]


def truncated_quantile_critics_loss(
    dist_q_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    dist_q_t: ArrayLike,
    log_probs_t: ArrayLike,
    *,
    temperature: Scalar,
    num_dropped: int = 2,
    huber_param: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Truncated quantile critics (TQC): quantile regression on pooled target quantiles, without the largest of them.

    .. math:: \ell = \sum_c \frac{1}{M K} \sum_{m=1}^{M} \sum_{k=1}^{K} \left| \tau_m - 1[u_{cmk} < 0] \right|
              \frac{L_\kappa(u_{cmk})}{\kappa}, \qquad
              u_{cmk} = \mathrm{sg}\left( r_t + \gamma_t \left( z_{(k)} - \alpha \log \pi(a_t) \right) \right) - q_{cm}

    with the Huber loss :math:`L_\kappa`, the levels :math:`\tau_m = (m - 1/2) / M`, and :math:`z_{(k)}` the k-th
    smallest of the N quantiles of all D target critics. The largest of the pool are left out, ``num_dropped`` times D:
    :math:`K = D (N - d)`. This lowers overestimation in finer steps than the minimum of two critics. The sum is over
    critics, the means are over levels and samples, as in the paper; the authors' code also divides by the number of
    critics. The actor is `jaxloss.sac_actor_loss` with the mean of all quantiles as its only critic, and
    `jaxloss.sac_temperature_loss` learns the temperature.

    Args:
        dist_q_tm1: Quantiles of the action taken at time t - 1, in ascending order of their levels, by C critics, shape
            ``[..., C, M]``, floating.
        r_t, discount_t: See `jaxloss.td_loss`.
        dist_q_t: Quantiles of an action sampled at time t, by D target networks, shape ``[..., D, N]``, floating, in
            any order.
        log_probs_t: Log-densities of these sampled actions, shape ``[...]``. No gradient flows through the target.
        temperature: Temperature :math:`\alpha` >= 0, in units of reward per nat. No gradient flows through it.
        num_dropped: Quantiles d that are dropped per target critic; a Python integer in ``[0, N)``.
        huber_param: Error :math:`\kappa` from which the loss is linear, in units of reward; >= 0.
        where, weights, reduction: See `jaxloss.sac_critic_loss`.

    Returns:
        A scalar >= 0, in units of reward; exactly 0 if all quantiles equal all kept samples of the target.

    Raises:
        TypeError: If quantiles are not floating.
        ValueError: If the shapes do not match, an axis of critics or quantiles is empty, or a hyperparameter is out of
            range.

    Example:
        >>> q, r, discount, log_probs = jnp.array([[[0.0, 2.0]]]), jnp.ones(1), jnp.array([0.5]), jnp.array([-2.0])
        >>> options = {"temperature": 0.5, "num_dropped": 1}
        >>> jaxloss.truncated_quantile_critics_loss(q, r, discount, q, log_probs, **options)
        Array(0.140625, dtype=float32)

    Reference:
        Kuznetsov, Shvechikov, Grishin and Vetrov (2020), Controlling Overestimation Bias with Truncated Mixture of
        Continuous Distributional Quantile Critics. https://arxiv.org/abs/2005.04269
    """
    dist_q_tm1, dist_q_t = _critics(where, dist_q_tm1=dist_q_tm1), _critics(where, dist_q_t=dist_q_t)
    (*batch, _, quantiles), (targets, following) = dist_q_tm1.shape, dist_q_t.shape[-2:]
    checks.has_shape((*batch, targets, following), "critics, quantiles", dist_q_t=dist_q_t)
    steps = per_step(where, tuple(batch), r_t=r_t, discount_t=discount_t, log_probs_t=log_probs_t)
    dist_q_tm1, dist_q_t, r_t, discount_t, log_probs_t = promote(dist_q_tm1, dist_q_t, *steps)
    alpha = checks.scalar("temperature", temperature, dist_q_t.dtype, at_least=0)
    kappa = checks.scalar("huber_param", huber_param, dist_q_t.dtype, at_least=0)
    dropped = checks.whole("num_dropped", num_dropped, at_least=0)
    if dropped >= following:
        raise ValueError(f"num_dropped must be less than the number of quantiles, {following}; found {dropped}.")
    pooled = jnp.reshape(dist_q_t, (*batch, targets * following))
    kept = jnp.sort(pooled, axis=-1)[..., : targets * (following - dropped)]
    samples = target(r_t[..., None], discount_t[..., None], kept - alpha * log_probs_t[..., None])
    levels = (jnp.arange(quantiles, dtype=kept.dtype) + 0.5) / quantiles
    levels = jnp.broadcast_to(jnp.expand_dims(levels, range(dist_q_tm1.ndim - 1)), dist_q_tm1.shape)
    each = sample_losses(dist_q_tm1, levels, samples[..., None, :], jnp.asarray(kappa, kept.dtype))
    values = jnp.sum(plain_mean(plain_mean(each, -1), -1), axis=-1)
    return reduce(numerics.poison(values, known(pooled)), where=where, weights=weights, reduction=reduction)


def _critics(where: ArrayLike | None, **arrays: ArrayLike) -> Array:
    """Quantiles of several critics, ``[..., critics, quantiles]``, 0 where masked."""
    (checked,) = checks.floating(**arrays)
    checks.with_axes("critics quantiles", allow_empty=False, **dict.fromkeys(arrays, checked))
    return hide(where, checked, event_ndim=2)
