"""Polynomial expansions of cross-entropy."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy

__all__ = ["poly_loss_cross_entropy"]


def _complements(logits: Array) -> Array:
    """``1 - softmax(z)`` of every class, to full relative accuracy for a nearly certain one too."""
    top = jnp.argmax(logits, axis=-1, keepdims=True)
    first = jax.lax.broadcasted_iota(top.dtype, logits.shape, logits.ndim - 1) == top
    peak = jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
    raw = jnp.exp(logits - peak)
    others = jnp.sum(jnp.where(first, jnp.zeros((), raw.dtype), raw), axis=-1, keepdims=True)
    total = jnp.sum(raw, axis=-1, keepdims=True)
    return jnp.where(first, others, total - raw) / total


def poly_loss_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    poly_weight: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Poly-1 loss: cross-entropy plus a multiple of :math:`1 - p_t`, the first term of its expansion.

    With :math:`p = \mathrm{softmax}(z)`:

    .. math:: \ell = -\sum_k t_k \log p_k + \epsilon \sum_k t_k (1 - p_k)

    Cross-entropy is :math:`\sum_{j \ge 1} (1 - p_t)^j / j`; its first coefficient becomes :math:`1 + \epsilon`. The
    default is that of optax, the paper's choice for ImageNet; its published code has 1.0.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        targets: Shape ``[..., K]``, distributions, >= 0; not renormalised. A negative target gives NaN.
        poly_weight: Number :math:`\epsilon` added to the coefficient of the first term; >= -1. 0 is cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; keeps full relative accuracy for small values at one-hot targets.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ, the class axis is empty, or ``poly_weight`` is out of range.

    Example:
        >>> logits, targets = jnp.array([[2.0, 0.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0]])
        >>> print(f"{jaxloss.poly_loss_cross_entropy(logits, targets):.5f}")
        0.66557

    Reference:
        Leng et al. (2022), PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions.
        https://arxiv.org/abs/2204.12511
    """
    logits, targets = checks.scores_and_targets(logits=logits, targets=targets)
    logits, targets = blank(where, logits, targets, event_ndim=1)
    poly_weight = checks.scalar("poly_weight", poly_weight, logits.dtype, at_least=-1)
    cross_entropy = softmax_cross_entropy(logits, targets, where=where, reduction="none")
    values = cross_entropy + poly_weight * jnp.sum(targets * _complements(logits), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
