"""Entropy of a predicted distribution, to be minimised on unlabelled examples or held up against overconfidence."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.softmax_terms import below_peak
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["confidence_penalty", "entropy"]


def _entropy(logits: Array) -> Array:
    """The entropy of the softmax over the last axis: a sum of terms >= 0, exact for the certain class too."""
    below, _ = below_peak(logits)
    size = jnp.exp(below)
    at_peak = jnp.floor(size)
    spread = jnp.log1p(jnp.sum(size - at_peak, axis=-1) + (jnp.sum(at_peak, axis=-1) - 1))[..., None]
    present = jnp.logical_not(jnp.isneginf(below))
    information = spread - jnp.where(present, below, jnp.zeros((), below.dtype))
    return jnp.sum(jnp.exp(below - spread) * information, axis=-1)


def entropy(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Entropy of the softmax of logits; entropy minimization on examples without labels.

    .. math:: \ell = H(p) = -\sum_k p_k \log p_k, \qquad p = \mathrm{softmax}(z)

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent: its gradient is 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, log K], in nats; it keeps full relative accuracy as the prediction becomes certain.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the class axis is missing or empty.

    Example:
        >>> jaxloss.entropy(jnp.array([[0.0, 0.0], [50.0, 0.0]]), reduction="none")
        Array([6.9314718e-01, 9.8366956e-21], dtype=float32)

    Reference:
        Grandvalet and Bengio (2004), Semi-supervised Learning by Entropy Minimization.
        https://papers.nips.cc/paper/2740-semi-supervised-learning-by-entropy-minimization
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("classes", logits=logits)
    values = _entropy(hide(where, logits, event_ndim=1))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def confidence_penalty(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Confidence penalty: negative entropy of the softmax of logits, which discourages overconfidence.

    .. math:: \ell = -H(p) = \sum_k p_k \log p_k, \qquad p = \mathrm{softmax}(z)

    Add it to a cross-entropy with a small factor :math:`\beta`, such as 0.1. In reinforcement learning the same term
    keeps a policy exploring. It is minus `entropy`.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent: its gradient is 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [-log K, 0], in nats; smallest, with zero gradient, at the uniform distribution.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the class axis is missing or empty.

    Example:
        >>> jaxloss.confidence_penalty(jnp.zeros((1, 2)))
        Array(-0.6931472, dtype=float32)

    Reference:
        Pereyra et al. (2017), Regularizing Neural Networks by Penalizing Confident Output Distributions.
        https://arxiv.org/abs/1701.06548
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("classes", logits=logits)
    values = -_entropy(hide(where, logits, event_ndim=1))
    return reduce(values, where=where, weights=weights, reduction=reduction)
