"""Balance of a mixture of experts: the share of tokens of each expert times the mean probability of it.

`load_balancing_loss` is for a router that takes the top k of a softmax, `expert_balance_loss` for any other.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, divide_sums, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.experts._pools import checked_choices, expert_counts, token_sums
from jaxloss.language.z_loss import softmax_z_loss

__all__ = ["expert_balance_loss", "load_balancing_loss", "router_z_loss"]


def load_balancing_loss(
    logits: ArrayLike,
    *,
    top_k: int = 1,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Load-balancing loss of Switch Transformers and GShard: token share times mean probability, summed over experts.

    .. math:: \ell = E \sum_e f_e P_e, \qquad
              f_e = \frac{1}{k T} \sum_t \mathbb{1}[e \in \operatorname{top}_k(z_t)], \qquad
              P_e = \frac{1}{T} \sum_t \mathrm{softmax}(z_t)_e

    For a router that sends each token to the k experts of largest score; for other rules of selection see
    `jaxloss.expert_balance_loss`. Only P has a gradient. The T tokens of the last batch axis are pooled before the
    product, so ``where`` and ``weights`` belong to tokens. Pass ``[layers, T, E]`` to balance each layer separately:
    pooled layers would hide imbalances that oppose each other. Pass ``[sequences, T, E]`` to balance within each
    sequence. Flaxformer, MaxText and Hugging Face do not divide by k: their loss is k times this one.

    Args:
        logits: Scores of the router, shape ``[..., T, E]``, floating. An expert of logit -inf is absent.
        top_k: Experts k per token, in [1, E], static.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the tokens are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., T]``; False for padding. A pool without a token is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 1 if all experts get the same share, E if one expert gets everything with certainty and k is 1.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If ``logits`` has no token axis, the expert axis is empty, or ``top_k`` is out of range.

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
    values, present = _balance(jax.nn.softmax(logits), experts, where, weights, axis_name)
    return reduce(values, where=present, reduction=reduction)


def expert_balance_loss(
    affinities: ArrayLike,
    experts: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Expert balance loss of DeepSeek-V2 and V3: load-balancing loss for a router with its own selection rule.

    .. math:: \ell = E \sum_e f_e P_e, \qquad
              f_e = \frac{1}{k T} \sum_t \sum_{j=1}^k \mathbb{1}[e = e_{t j}], \qquad
              P_e = \frac{1}{T} \sum_t \frac{s_{t e}}{\sum_{e'} s_{t e'}}

    The experts may be chosen in any way: with noise, with a balancing bias, within limited groups. The affinities of
    a token, such as the sigmoids of its scores, are divided by their sum, so their scale does not matter. For the top
    k of a softmax this is `jaxloss.load_balancing_loss`; see there for pools, padding and devices. The balance within
    sequences of DeepSeek-V3 takes pools ``[sequences, T, E]``.

    Args:
        affinities: Affinity :math:`s_{t e}` >= 0 of each token to each expert, shape ``[..., T, E]``, floating. A
            negative one gives NaN in value and gradient of its pool. A token whose affinities are all 0 adds 0 to P.
        experts: The experts that each token was sent to, shape ``[..., T, k]``, integer in ``[0, E)``. An unmasked
            one outside gives NaN in value and gradient of its pool.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the tokens are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., T]``; False for padding. A pool without a token is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 1 if all experts get the same share of the tokens.

    Raises:
        TypeError: If ``affinities`` are not floating or ``experts`` not integer.
        ValueError: If ``experts.shape[:-1] != affinities.shape[:-1]``, or the axis of experts or of choices is empty.

    Example:
        >>> affinities = jnp.array([[1.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 0.5]])
        >>> print(f"{jaxloss.expert_balance_loss(affinities, jnp.array([[0], [0], [1], [0]])):.4f}")
        1.1250

    Reference:
        DeepSeek-AI (2024), DeepSeek-V3 Technical Report (equations 17 to 20). https://arxiv.org/abs/2412.19437
    """
    (affinities,) = checks.floating(affinities=affinities)
    checks.with_axes("tokens experts", allow_empty=True, affinities=affinities)
    checks.with_axes("experts", affinities=affinities)
    experts = hide(where, checked_choices(affinities.shape[:-1], experts), event_ndim=1)
    (affinities,) = blank(where, affinities, event_ndim=1)
    value_checks.ensure_labels(experts, affinities.shape[-1], "experts")
    valid = affinities >= 0
    value_checks.ensure(lambda: valid, "affinities must be >= 0")
    probs = _shares(numerics.poison(affinities, valid))
    values, present = _balance(probs, experts, where, weights, axis_name)
    return reduce(values, where=present, reduction=reduction)


def _shares(affinities: Array) -> Array:
    """Affinities over their sum, which does not overflow; zeros where all of them are 0."""
    affinities = affinities / numerics.scale_of(affinities)
    total = jnp.sum(affinities, axis=-1, keepdims=True)
    return numerics.divide(affinities, jnp.broadcast_to(total, affinities.shape))


def _balance(
    probs: Array,
    experts: Array,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    axis_name: AxisName | None,
) -> tuple[Array, Array | None]:
    """``E sum_e f_e P_e`` of every pool, for probabilities that sum to 1, and which pools have a token."""
    num_experts, choices = probs.shape[-1], experts.shape[-1]
    counts = expert_counts(experts, num_experts, probs.dtype)
    sums, present = token_sums(counts, probs, where=where, weights=weights, axis_name=axis_name)
    load, mean = (divide_sums(*pair) for pair in sums)
    # The part of f above its mean makes the slope. The sum of P is 1: only its rounding would have a slope.
    excess = load * (num_experts / choices) - 1
    return jnp.sum(excess * mean, axis=-1) + jax.lax.stop_gradient(jnp.sum(mean, axis=-1)), present


def router_z_loss(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Router z-loss of ST-MoE: `jaxloss.softmax_z_loss` of the scores of a router, which keeps them small.

    .. math:: \ell = \log^2 \sum_e e^{z_e}

    It is a mean over tokens, so nothing is pooled.

    Args:
        logits: Scores of the router, shape ``[..., E]``, floating. An expert of logit -inf is absent.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the exponentials sum to 1 exactly.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If ``logits`` has no expert axis or it is empty.

    Example:
        >>> print(f"{jaxloss.router_z_loss(jnp.zeros((2, 4))):.6f}")
        1.921812

    Reference:
        Zoph et al. (2022), ST-MoE: Designing Stable and Transferable Sparse Expert Models.
        https://arxiv.org/abs/2202.08906
    """
    return softmax_z_loss(logits, where=where, weights=weights, reduction=reduction)
