"""Policy-gradient objectives per token (PPO, GRPO, CISPO); ``reduction`` chooses how tokens are averaged."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape
from jaxloss.language.policies._ratios import clipped_log_ratio, times_exp

__all__ = ["cispo_loss", "grpo_loss", "ppo_clip_loss"]


def _clipped_surrogate(
    log_ratio: Array, advantages: Array, clip_low: Scalar, clip_high: Scalar, dual_clip: Scalar
) -> Array:
    """``-min(r A, clip(r) A)``, at most ``dual_clip |A|``; log-ratios are clipped before an exponential overflows."""
    dtype = log_ratio.dtype
    low = jnp.log1p(-jnp.asarray(checks.scalar("clip_low", clip_low, dtype, at_least=0, at_most=1), dtype))
    high = jnp.log1p(jnp.asarray(checks.scalar("clip_high", clip_high, dtype, at_least=0), dtype))
    worst = jnp.log(jnp.asarray(checks.scalar("dual_clip", dual_clip, dtype, above=1), dtype))
    return times_exp(-advantages, clipped_log_ratio(log_ratio, advantages, low, high, worst))


def _times_exp_excess(factor: Scalar, x: Array) -> Array:
    """``factor * (exp(x) - 1 - x)``, infinite only where the product is. Far out, the exponential is all of it."""
    far = x > 50
    zero = jnp.zeros((), x.dtype)
    near = factor * numerics.exp_excess(jnp.where(far, zero, x))
    return jnp.where(far, times_exp(factor, jnp.where(far, x, zero)), near)


def ppo_clip_loss(
    log_probs: ArrayLike,
    old_log_probs: ArrayLike,
    advantages: ArrayLike,
    *,
    clip_low: Scalar = 0.2,
    clip_high: Scalar = 0.2,
    dual_clip: Scalar = math.inf,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Clipped surrogate objective of proximal policy optimisation (PPO), from log-probabilities.

    With the ratio :math:`r = \pi(y_t) / \pi_{\mathrm{old}}(y_t)` and the advantage :math:`A`:

    .. math:: \ell = -\min\left( r A, \operatorname{clip}(r, 1 - \epsilon_l, 1 + \epsilon_h) A \right), \qquad
              \ell \le c |A| \text{ where } A < 0

    A ``clip_high`` above ``clip_low`` is the clip-higher of DAPO. Applied to sequence log-probabilities, old and new
    `jaxloss.tokens.mean_sequence_logps`, the loss is GSPO. ``reduction`` chooses the mean over tokens and sequences;
    see `jaxloss.reductions.sequence_mean` and the reductions beside it.

    Args:
        log_probs: Log-probabilities of the sampled tokens or actions under the policy, shape ``[...]``, floating.
        old_log_probs: Log-probabilities under the policy that sampled them, shape ``[...]``, the same. No gradient
            flows through them.
        advantages: Shape ``[...]``, the same, floating. No gradient flows through them. For one advantage
            per sequence write ``jnp.broadcast_to(advantages[..., None], log_probs.shape)``.
        clip_low: How far below 1 the ratio counts, :math:`\epsilon_l`; in [0, 1].
        clip_high: How far above 1 the ratio counts, :math:`\epsilon_h`; >= 0.
        dual_clip: Bound :math:`c` of the ratio for negative advantages (dual-clip PPO); > 1, infinite for no bound.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in units of the advantage; minus the advantage if the two policies agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> log_probs = jnp.log(jnp.array([0.5, 0.5, 0.5]))
        >>> old_log_probs = jnp.log(jnp.array([0.5, 0.25, 0.25]))
        >>> jaxloss.ppo_clip_loss(log_probs, old_log_probs, jnp.array([1.0, 1.0, -1.0]), reduction="none")
        Array([-1. , -1.2,  2. ], dtype=float32)

    Reference:
        Schulman et al. (2017), Proximal Policy Optimization Algorithms. https://arxiv.org/abs/1707.06347
        Ye et al. (2020), Mastering Complex Control in MOBA Games with Deep Reinforcement Learning (dual clip).
        https://arxiv.org/abs/1912.09729
    """
    policy, old, advantages = of_one_shape(
        where, log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    old, advantages = jax.lax.stop_gradient((old, advantages))
    values = _clipped_surrogate(policy - old, advantages, clip_low, clip_high, dual_clip)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def grpo_loss(
    log_probs: ArrayLike,
    old_log_probs: ArrayLike,
    reference_log_probs: ArrayLike,
    advantages: ArrayLike,
    *,
    clip_low: Scalar = 0.2,
    clip_high: Scalar = 0.2,
    beta: Scalar = 0.04,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Group relative policy optimisation (GRPO): the clipped surrogate of PPO plus a divergence from a reference.

    With :math:`r = \pi(y_t) / \pi_{\mathrm{old}}(y_t)` and :math:`s = \pi_{\mathrm{ref}}(y_t) / \pi(y_t)`:

    .. math:: \ell = -\min\left( r A, \operatorname{clip}(r, 1 - \epsilon_l, 1 + \epsilon_h) A \right)
              + \beta \left( s - 1 - \log s \right)

    The advantages come from `jaxloss.returns.group_advantages`. The paper takes the mean of each sequence first,
    ``reduction=jaxloss.reductions.sequence_mean()``; the default is the mean over tokens, as in DAPO. With
    `jaxloss.reductions.sequence_mean_token_sum_norm` and `jaxloss.returns.centered_advantages` it is Dr. GRPO.

    Args:
        log_probs, old_log_probs, advantages, clip_low, clip_high: See `jaxloss.ppo_clip_loss`.
        reference_log_probs: Log-probabilities under the frozen reference policy, shape ``[...]``, the same.
        beta: Factor of the divergence, `jaxloss.kl_estimate_k3`; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in units of the advantage.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> log_probs = jnp.log(jnp.array([0.5, 0.5]))
        >>> old_log_probs = jnp.log(jnp.array([0.5, 0.25]))
        >>> jaxloss.grpo_loss(log_probs, old_log_probs, old_log_probs, jnp.ones(2), beta=1.0, reduction="none")
        Array([-1.       , -1.0068529], dtype=float32)

    Reference:
        Shao et al. (2024), DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models.
        https://arxiv.org/abs/2402.03300
    """
    policy, old, reference, advantages = of_one_shape(
        where,
        log_probs=log_probs,
        old_log_probs=old_log_probs,
        reference_log_probs=reference_log_probs,
        advantages=advantages,
    )
    old, advantages = jax.lax.stop_gradient((old, advantages))
    beta = checks.scalar("beta", beta, policy.dtype, at_least=0)
    surrogate = _clipped_surrogate(policy - old, advantages, clip_low, clip_high, math.inf)
    values = surrogate + _times_exp_excess(beta, reference - policy)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def cispo_loss(
    log_probs: ArrayLike,
    old_log_probs: ArrayLike,
    advantages: ArrayLike,
    *,
    clip_high: Scalar = 4.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""CISPO: REINFORCE with clipped importance weights, in which every token keeps its gradient.

    With the ratio :math:`r = \pi(y_t) / \pi_{\mathrm{old}}(y_t)`, the advantage :math:`A` and stop-gradient sg:

    .. math:: \ell = -\mathrm{sg}\left( \min(r, 1 + \epsilon_h) \right) A \log \pi(y_t)

    Args:
        log_probs, old_log_probs, advantages: See `jaxloss.ppo_clip_loss`.
        clip_high: How far above 1 the importance weights may be, :math:`\epsilon_h`; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign. Only its gradient is meaningful; the value does not measure progress.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``clip_high`` is out of range.

    Example:
        >>> log_probs = jnp.log(jnp.array([0.5]))
        >>> jax.grad(jaxloss.cispo_loss)(log_probs, jnp.log(jnp.array([0.25])), jnp.ones(1), clip_high=0.5)
        Array([-1.5], dtype=float32)

    Reference:
        MiniMax (2025), MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention.
        https://arxiv.org/abs/2506.13585
    """
    policy, old, advantages = of_one_shape(
        where, log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    clip_high = checks.scalar("clip_high", clip_high, policy.dtype, at_least=0)
    capped = jnp.minimum(policy - old, jnp.log1p(jnp.asarray(clip_high, policy.dtype)))
    capped = capped + numerics.trace_of_nan(policy - old)
    values = -jax.lax.stop_gradient(jnp.exp(capped) * advantages) * policy
    return reduce(values, where=where, weights=weights, reduction=reduction)
