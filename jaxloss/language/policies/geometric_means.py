"""Geometric-mean policy optimisation: a sequence counts by the geometric mean of the clipped ratios of its tokens."""

from __future__ import annotations

import math

import jax

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import pool_mass, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape
from jaxloss.language.policies._ratios import clipped_log_ratio, times_exp

__all__ = ["gmpo_loss"]


def gmpo_loss(
    log_probs: ArrayLike,
    old_log_probs: ArrayLike,
    advantages: ArrayLike,
    *,
    log_clip_low: Scalar = 0.4,
    log_clip_high: Scalar = 0.4,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Geometric-mean policy optimisation (GMPO): minus the advantage times the geometric mean of clipped token ratios.

    .. math:: \ell = -\bar A \, \exp\left( \frac{1}{T} \sum_t c_t \right), \qquad
              c_t = \begin{cases} \min(\log r_t, \epsilon_h) & A_t > 0 \\
              \max(\log r_t, -\epsilon_l) & A_t < 0 \end{cases}

    with the ratios :math:`r_t = \pi(y_t) / \pi_{\mathrm{old}}(y_t)` and the mean :math:`\bar A` of the advantages,
    which are equal within a sequence. Single ratios that are far off count less than in the arithmetic mean of GRPO,
    so that the clipping range may be wider. GSPO, `jaxloss.ppo_clip_loss` of mean log-probabilities, clips after the
    mean instead: all tokens of a sequence or none. The advantages come from `jaxloss.returns.group_advantages`.

    Args:
        log_probs: Log-probabilities of the sampled tokens under the policy, shape ``[..., T]``, floating; the tokens of
            a sequence are the last axis.
        old_log_probs: Log-probabilities under the policy that sampled them, shape ``[..., T]``, the same. No gradient
            flows through them.
        advantages: Shape ``[..., T]``, the same, floating. No gradient flows through them. For one advantage per
            sequence write ``jnp.broadcast_to(advantages[..., None], log_probs.shape)``.
        log_clip_low: How far below 0 a log-ratio counts, :math:`\epsilon_l`; >= 0.
        log_clip_high: How far above 0 a log-ratio counts, :math:`\epsilon_h`; >= 0.
        where, weights: Shape ``[..., T]``, of the tokens; a sequence without a token is absent. See `jaxloss.reduce`.
        reduction: Over the sequences ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in units of the advantage; minus the advantage if the two policies agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, the inputs have no token axis, or a hyperparameter is negative.

    Example:
        >>> log_probs, old_log_probs = jnp.log(jnp.array([[0.5, 0.5]])), jnp.log(jnp.array([[0.5, 0.25]]))
        >>> jaxloss.gmpo_loss(log_probs, old_log_probs, jnp.ones((1, 2)))
        Array(-1.2214028, dtype=float32)

    Reference:
        Zhao et al. (2025), Geometric-Mean Policy Optimization. https://arxiv.org/abs/2507.20673
    """
    policy, old, advantages = of_one_shape(
        where, log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    checks.with_axes("tokens", allow_empty=True, log_probs=policy)
    old, advantages = jax.lax.stop_gradient((old, advantages))
    low = checks.scalar("log_clip_low", log_clip_low, policy.dtype, at_least=0)
    high = checks.scalar("log_clip_high", log_clip_high, policy.dtype, at_least=0)
    mass, present = pool_mass(where, weights, policy)
    log_ratio = policy - old
    clipped = clipped_log_ratio(log_ratio, advantages, -low, high, math.inf) + numerics.trace_of_nan(log_ratio)
    values = times_exp(-pool_mean(advantages, mass), pool_mean(clipped, mass))
    return reduce(values, where=present, reduction=reduction)
