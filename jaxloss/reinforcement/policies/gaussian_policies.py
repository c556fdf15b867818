"""Gaussian policies over continuous actions: their entropy in closed form."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["gaussian_entropy_loss"]


def gaussian_entropy_loss(
    log_scales: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative entropy of a Gaussian with independent entries: the entropy bonus of a policy over continuous actions.

    .. math:: \ell = -\sum_d \left( \log \sigma_d + \tfrac12 \log(2 \pi e) \right)

    Added to the loss of a policy, with a factor, it keeps the policy exploring. `jaxloss.entropy_loss` is that of
    discrete actions. A policy that squashes its actions by a hyperbolic tangent has no closed form: take the mean of
    the log-probabilities of sampled actions, as `jaxloss.sac_actor_loss` does.

    Args:
        log_scales: Logarithms of the standard deviations, shape ``[..., D]``, floating.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in nats, with the slope -1 in every entry.

    Raises:
        TypeError: If ``log_scales`` are not floating.
        ValueError: If ``log_scales`` has no last axis or it is empty.

    Example:
        >>> jaxloss.gaussian_entropy_loss(jnp.zeros((1, 2)))
        Array(-2.837877, dtype=float32)

    Reference:
        Schulman, Wolski, Dhariwal, Radford and Klimov (2017), Proximal Policy Optimization Algorithms.
        https://arxiv.org/abs/1707.06347
    """
    (log_scales,) = checks.floating(log_scales=log_scales)
    checks.with_axes("actions", log_scales=log_scales)
    (log_scales,) = promote(hide(where, log_scales, event_ndim=1))
    level = 0.5 * math.log(2 * math.pi * math.e)
    values = -jnp.sum(log_scales + level, axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
