"""The entropy of a prediction as a term beside a loss: minimised on unlabelled examples, or kept large."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["entropy", "entropy_loss"]


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
    r"""Entropy of the softmax of logits; as a loss on unlabelled examples it is entropy minimisation.

    .. math:: \ell = H(p) = -\sum_k p_k \log p_k, \qquad p = \mathrm{softmax}(z)

    With the opposite sign it is `jaxloss.entropy_loss`. Alone it is minimal where all examples fall into one class;
    `jaxloss.information_maximization_loss` asks for diverse predictions too.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent: its gradient is 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, log K], in nats. It keeps full relative accuracy as the prediction becomes certain.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If ``logits`` has no class axis or it is empty.

    Example:
        >>> jaxloss.entropy(jnp.array([[0.0, 0.0], [50.0, 0.0]]), reduction="none")
        Array([6.9314718e-01, 9.8366250e-21], dtype=float32)

    Reference:
        Grandvalet and Bengio (2004), Semi-supervised Learning by Entropy Minimization.
        https://papers.nips.cc/paper/2740-semi-supervised-learning-by-entropy-minimization
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("classes", logits=logits)
    values = _entropy(hide(where, logits, event_ndim=1))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def entropy_loss(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative entropy of the softmax of logits: entropy bonus of a policy, confidence penalty of a classifier.

    .. math:: \ell = -H(p) = \sum_k p_k \log p_k, \qquad p = \mathrm{softmax}(z)

    Added to the loss of a policy it keeps the policy exploring; added to a cross-entropy with a small factor, such as
    0.1, it discourages overconfidence. The sign is that of rlax; the entropy itself is `jaxloss.entropy`.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class or action of logit -inf is absent: its gradient
            is 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [-log K, 0], in nats; minimal, with zero gradient, at the uniform distribution.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If ``logits`` has no class axis or it is empty.

    Example:
        >>> jaxloss.entropy_loss(jnp.zeros((1, 2)))
        Array(-0.6931472, dtype=float32)

    Reference:
        Williams and Peng (1991), Function Optimization Using Connectionist Reinforcement Learning Algorithms.
        https://doi.org/10.1080/09540099108946587
        Pereyra et al. (2017), Regularizing Neural Networks by Penalizing Confident Output Distributions.
        https://arxiv.org/abs/1701.06548
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("classes", logits=logits)
    values = -_entropy(hide(where, logits, event_ndim=1))
    return reduce(values, where=where, weights=weights, reduction=reduction)
