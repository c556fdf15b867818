"""Balance of a mixture of experts: the share of tokens that an expert gets against the probability it is given."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import blank, divide_sums, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.experts._pools import AxisName, checked_choices, expert_counts, token_sums
from jaxloss.language.z_loss import softmax_z_loss

__all__ = ["expert_balance_loss", "load_balancing_loss", "router_z_loss"]


def load_balancing_loss(
    logits: ArrayLike,
    *,
    top_k: int = 1,
    axis_name: AxisName = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Product of the share of tokens and the mean probability of every expert, for a router that takes the top k.

    .. math:: \ell = E \sum_e f_e P_e, \qquad
              f_e = \frac{1}{k T} \sum_t \mathbb{1}[e \in \operatorname{top}_k(z_t)], \qquad
              P_e = \frac{1}{T} \sum_t \mathrm{softmax}(z_t)_e

    Only P has a gradient. The T tokens of the last batch axis are pooled before the product, so ``where`` and
    ``weights`` belong to tokens: pass ``[layers, T, E]`` to balance every layer by itself (pooled layers would hide
    imbalances that oppose each other), ``[sequences, T, E]`` to balance within every sequence. Flaxformer, MaxText
    and Hugging Face do not divide by k: their loss is k times this one.

    Args:
        logits: Scores of the router, shape ``[..., T, E]``, floating. An expert of logit -inf is absent.
        top_k: Experts k that every token takes, in [1, E], static.
        axis_name: Mesh axes inside ``jax.shard_map`` over which tokens are spread: f and P are then those of all of
            them, and the loss is that of one device that has them all. None pools the tokens at hand.
        where, weights: Shape ``[..., T]``; False for padding. A pool without a token is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 1 where all experts get the same, E where one gets everything with certainty and k is 1.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If there is no expert or no token axis, or ``top_k`` is out of range.

    Example:
        >>> logits = jnp.log(jnp.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.25]]))
        >>> print(f"{jaxloss.load_balancing_loss(logits):.4f}")
        1.1250

    Reference:
        Fedus, Zoph and Shazeer (2022), Switch Transformers: Scaling to Trillion Parameter Models.
        https://arxiv.org/abs/2101.03961
        Qiu et al. (2025), Demons in the Detail: On Implementing Load Balancing Loss (all tokens of a step).
        https://arxiv.org/abs/2501.11873
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("tokens experts", allow_empty=True, logits=logits)
    checks.with_axes("experts", logits=logits)
    if not 1 <= top_k <= logits.shape[-1]:
        raise ValueError(f"top_k must lie in [1, {logits.shape[-1]}], the number of experts; found {top_k}.")
    (logits,) = blank(where, logits, event_ndim=1)
    experts = jax.lax.top_k(jax.lax.stop_gradient(logits), top_k)[1]
    # Probabilities of a softmax sum to one: that sum has no slope, where rounding would give it one.
    total = lambda mean: jax.lax.stop_gradient(jnp.sum(mean, axis=-1))
    values, present = _balance(jax.nn.softmax(logits), experts, where, weights, axis_name, total)
    return reduce(values, where=present, reduction=reduction)


def expert_balance_loss(
    probs: ArrayLike,
    experts: ArrayLike,
    *,
    axis_name: AxisName = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""The same for a router with a rule of its own: noise, a balancing bias, sigmoid affinities, limited groups.

    .. math:: \ell = E \sum_e f_e P_e, \qquad
              f_e = \frac{1}{k T} \sum_t \sum_{j=1}^k \mathbb{1}[e = e_{t j}], \qquad
              P_e = \frac{1}{T} \sum_t p_{t e}

    With the softmax of the router and its top k this is `jaxloss.load_balancing_loss`; see there for pools, padding
    and devices. Affinities that do not sum to one, such as sigmoids, are divided by their sum over all experts first.

    Args:
        probs: Probabilities of all experts, shape ``[..., T, E]``, floating.
        experts: The experts that a token was sent to, shape ``[..., T, k]``, integer, in ``[0, E)``. One outside, of
            a token that is not masked, gives NaN.
        axis_name: Mesh axes inside ``jax.shard_map`` over which tokens are spread; None pools the tokens at hand.
        where, weights: Shape ``[..., T]``; False for padding. A pool without a token is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 1 where all experts get the same.

    Raises:
        TypeError: If ``probs`` are not floating or ``experts`` not integer.
        ValueError: If the shapes do not agree, or there is no expert.

    Example:
        >>> probs = jnp.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.25]])
        >>> print(f"{jaxloss.expert_balance_loss(probs, jnp.array([[0], [0], [1], [0]])):.4f}")
        1.1250

    Reference:
        DeepSeek-AI (2024), DeepSeek-V3 Technical Report (balance within sequences).
        https://arxiv.org/abs/2412.19437
    """
    (probs,) = checks.floating(probs=probs)
    checks.with_axes("tokens experts", allow_empty=True, probs=probs)
    checks.with_axes("experts", probs=probs)
    experts = hide(where, checked_choices(probs.shape[:-1], experts), event_ndim=1)
    (probs,) = blank(where, probs, event_ndim=1)
    value_checks.ensure_labels(experts, probs.shape[-1], "experts")
    value_checks.ensure_probabilities(probs=probs)
    total = functools.partial(jnp.sum, axis=-1)
    values, present = _balance(probs, experts, where, weights, axis_name, total)
    return reduce(values, where=present, reduction=reduction)


def _balance(
    probs: Array,
    experts: Array,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    axis_name: AxisName,
    total: Callable[[Array], Array],
) -> tuple[Array, Array | None]:
    """``E sum_e f_e P_e`` of every pool, where ``total`` is the sum of P, and which pools have a token."""
    num_experts, choices = probs.shape[-1], experts.shape[-1]
    counts = expert_counts(experts, num_experts, probs.dtype)
    sums, present = token_sums(counts, probs, where=where, weights=weights, axis_name=axis_name)
    load, mean = (divide_sums(*pair) for pair in sums)
    # The part of f above its mean makes the slope: beside the mean, which the sum of P makes of it, it may be small.
    excess = load * (num_experts / choices) - 1
    return jnp.sum(excess * mean, axis=-1) + total(mean), present


def router_z_loss(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared logarithm of the normaliser of a router, which keeps its scores small and its rounding harmless.

    .. math:: \ell = \log^2 \sum_e e^{z_e}

    This is `jaxloss.softmax_z_loss` of the router. It is a mean over tokens, so nothing is pooled.

    Args:
        logits: Scores of the router, shape ``[..., E]``, floating. An expert of logit -inf is absent.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the exponentials sum to 1 exactly.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If there is no expert.

    Example:
        >>> print(f"{jaxloss.router_z_loss(jnp.zeros((2, 4))):.6f}")
        1.921812

    Reference:
        Zoph et al. (2022), ST-MoE: Designing Stable and Transferable Sparse Expert Models.
        https://arxiv.org/abs/2202.08906
    """
    return softmax_z_loss(logits, where=where, weights=weights, reduction=reduction)
