"""Conservative values for offline data: a penalty on the values of actions that the data do not show."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import per_step

__all__ = ["conservative_q_penalty"]


def conservative_q_penalty(
    q_tm1: ArrayLike,
    sample_q_tm1: ArrayLike,
    sample_log_probs: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Conservative Q-learning (CQL): the soft maximum of values over all actions, less the value of the action taken.

    .. math:: \ell = \tau \log \frac1N \sum_{i=1}^N \frac{e^{q(a_i) / \tau}}{\mu(a_i)} - q(a), \qquad a_i \sim \mu

    Added to the loss of a critic, with a factor, it lowers the values of actions that are not in the data. The integral
    over continuous actions is estimated by importance sampling, from actions of any known density; CQL takes a third
    each from a uniform one, from the policy, and from the policy at the next state. Its code does not divide by N,
    which moves the value by a constant, and leaves the density undivided by the temperature.

    For discrete actions all values are at hand: the penalty is
    ``softmax_cross_entropy_with_integer_labels(q_tm1, a_tm1)``.

    Args:
        q_tm1: Values of the actions taken, shape ``[...]``, floating.
        sample_q_tm1: Values of N sampled actions in the same states, by the same critic, shape ``[..., N]``, floating.
        sample_log_probs: Logarithms of the densities :math:`\mu` that these actions were sampled from, shape
            ``[..., N]``, the same; finite. No gradient flows through them.
        temperature: Temperature :math:`\tau` > 0 of the soft maximum, in units of the values.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar of either sign, in units of the values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, the sample axis is empty, or ``temperature`` is not positive.

    Example:
        >>> q, sampled = jnp.array([1.0]), jnp.array([[1.0, 3.0]])
        >>> jaxloss.conservative_q_penalty(q, sampled, jnp.log(jnp.full((1, 2), 0.5)))
        Array(2.126928, dtype=float32)

    Reference:
        Kumar, Zhou, Tucker and Levine (2020), Conservative Q-Learning for Offline Reinforcement Learning.
        https://arxiv.org/abs/2006.04779
    """
    sampled, log_probs = checks.floating(sample_q_tm1=sample_q_tm1, sample_log_probs=sample_log_probs)
    checks.with_axes("samples", sample_q_tm1=sampled)
    checks.same_shape(sample_q_tm1=sampled, sample_log_probs=log_probs)
    (taken,) = per_step(where, sampled.shape[:-1], **dict(zip(["q_tm1"], checks.floating(q_tm1=q_tm1), strict=True)))
    sampled, log_probs = (hide(where, x, event_ndim=1) for x in (sampled, jax.lax.stop_gradient(log_probs)))
    taken, sampled, log_probs = promote(taken, sampled, log_probs)
    tau = checks.scalar("temperature", temperature, sampled.dtype, above=0)
    # Below the largest value, which is a constant of differentiation here: a large level costs no digits.
    peak = jnp.max(jax.lax.stop_gradient(sampled), axis=-1)
    spread = numerics.log_sum_exp((sampled - peak[..., None]) / tau - log_probs) - math.log(sampled.shape[-1])
    return reduce((peak - taken) + tau * spread, where=where, weights=weights, reduction=reduction)
