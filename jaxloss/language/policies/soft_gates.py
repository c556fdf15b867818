"""Policy optimisation with a soft gate: the gradient of a token fades as its ratio moves, instead of being cut off."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape

__all__ = ["sapo_loss"]

_FAR = 30.0
"""A log-ratio from which on the gate is closed in every dtype, for temperatures that are not tiny."""


def sapo_loss(
    log_probs: ArrayLike,
    old_log_probs: ArrayLike,
    advantages: ArrayLike,
    *,
    positive_temperature: Scalar = 1.0,
    negative_temperature: Scalar = 1.05,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft adaptive policy optimisation (SAPO): a sigmoid gate of the probability ratio in place of clipping.

    .. math:: \ell = -\frac{4}{\tau} \, \sigma\left( \tau (r - 1) \right) A, \qquad
              r = \frac{\pi(y_t)}{\pi_{\mathrm{old}}(y_t)}

    with one :math:`\tau` for positive advantages :math:`A` and another for all others. The gradient is that of
    :math:`-r A`, times a factor that is 1 where the policies agree and falls to 0 on both sides, the faster the larger
    :math:`\tau`. Unlike other temperatures here, a larger one is sharper. The advantages come from
    `jaxloss.returns.group_advantages`; the paper takes the mean of each sequence first,
    ``reduction=jaxloss.reductions.sequence_mean()``.

    Args:
        log_probs, old_log_probs, advantages: See `jaxloss.ppo_clip_loss`.
        positive_temperature: :math:`\tau` where the advantage is positive; > 0.
        negative_temperature: :math:`\tau` where it is not; > 0. Above the other one in the paper, since falling
            probabilities destabilise training.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in units of the advantage; minus twice the advantage over :math:`\tau` if the two
        policies agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> log_probs, old_log_probs = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.5, 0.25]))
        >>> jaxloss.sapo_loss(log_probs, old_log_probs, jnp.ones(2), reduction="none")
        Array([-2.       , -2.9242344], dtype=float32)

    Reference:
        Gao et al. (2025), Soft Adaptive Policy Optimization. https://arxiv.org/abs/2511.20347
    """
    policy, old, advantages = of_one_shape(
        where, log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    old, advantages = jax.lax.stop_gradient((old, advantages))
    rise = checks.scalar("positive_temperature", positive_temperature, policy.dtype, above=0)
    fall = checks.scalar("negative_temperature", negative_temperature, policy.dtype, above=0)
    tau = jnp.where(advantages > 0, jnp.asarray(rise, policy.dtype), jnp.asarray(fall, policy.dtype))
    log_ratio = policy - old
    excess = jnp.expm1(jnp.minimum(log_ratio, _FAR)) + numerics.trace_of_nan(log_ratio)
    values = -4 / tau * jax.nn.sigmoid(tau * excess) * advantages
    return reduce(values, where=where, weights=weights, reduction=reduction)
