"""Values as quantiles of the return (QR-DQN, IQN): quantile regression on all samples of the target."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import smooth_distance
from jaxloss._floor.reduction import hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import chosen, known, per_step

__all__ = ["quantile_q_learning_loss"]


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
    dist_q_tm1, selector, dist_q_t = _distributions(where, **dists)
    batch, num_quantiles = dist_q_tm1.shape[:-2], dist_q_tm1.shape[-2]
    (a_tm1,) = checks.integer(a_tm1=a_tm1)
    checks.has_shape(batch, "one action per transition", a_tm1=a_tm1)
    r_t, discount_t = per_step(where, batch, r_t=r_t, discount_t=discount_t)
    levels = _levels(where, tau_q_tm1, (*batch, num_quantiles))
    dist_q_tm1, levels, r_t, discount_t, dist_q_t = promote(dist_q_tm1, levels, r_t, discount_t, dist_q_t)
    kappa = checks.scalar("huber_param", huber_param, dist_q_tm1.dtype, at_least=0)
    a_tm1 = hide(where, checks.as_int32(a_tm1))
    quantiles = chosen(dist_q_tm1, a_tm1=jnp.broadcast_to(a_tm1[..., None], (*batch, num_quantiles)))
    best = jnp.argmax(plain_mean(selector, -2), axis=-1)[..., None, None]
    samples = r_t[..., None] + discount_t[..., None] * jnp.take_along_axis(dist_q_t, best, axis=-1)[..., 0]
    samples, quantiles = jax.lax.stop_gradient(samples)[..., None, :], quantiles[..., None]
    tilt = jnp.where(samples < quantiles, 1 - levels[..., None], levels[..., None])
    values = jnp.sum(
        plain_mean(tilt * smooth_distance(samples, quantiles, jnp.asarray(kappa, levels.dtype)), -1), axis=-1
    )
    whole = known(numerics.largest(selector)) & known(numerics.largest(dist_q_t))
    return reduce(numerics.poison(values, whole), where=where, weights=weights, reduction=reduction)


def _distributions(where: ArrayLike | None, **arrays: ArrayLike) -> list[Array]:
    """Quantiles per action ``[..., N, A]``, whose numbers of quantiles may differ; 0 where masked."""
    checked = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.with_axes("quantiles actions", allow_empty=False, **checked)
    (batch, actions), *_ = ((x.shape[:-2], x.shape[-1:]) for x in checked.values())
    for name, x in checked.items():
        checks.has_shape((*batch, x.shape[-2], *actions), "quantiles are the axis before the last", **{name: x})
    return [hide(where, x, event_ndim=2) for x in checked.values()]


def _levels(where: ArrayLike | None, tau: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Levels of quantiles for every transition, 0 where masked, NaN out of range."""
    (levels,) = checks.numeric(tau_q_tm1=tau)
    if levels.ndim == 1:
        checks.has_shape(shape[-1:], "one level per quantile", tau_q_tm1=levels)
        levels = jnp.broadcast_to(jnp.expand_dims(levels, tuple(range(len(shape) - 1))), shape)
    checks.has_shape(shape, "one level per quantile, or one for each of every transition", tau_q_tm1=levels)
    (levels,) = promote(hide(where, levels, event_ndim=1))
    valid = (levels >= 0) & (levels <= 1)
    value_checks.ensure(lambda: valid, "tau_q_tm1 must lie in [0, 1]")
    return numerics.poison(levels, valid)
