"""Pseudo-labels: a network's own confident predictions on unlabelled examples become targets."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import below_largest, label_terms
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["fixmatch_loss"]


def fixmatch_loss(
    logits: ArrayLike,
    weak_logits: ArrayLike,
    *,
    threshold: Scalar = 0.95,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""FixMatch: cross-entropy of a strongly augmented view with the confident class of a weakly augmented one.

    .. math:: \ell = 1\!\left[\max_k q_k \ge \tau\right] \left( -\log p_{\hat y} \right), \qquad
              \hat y = \arg\max_k q_k, \quad p = \mathrm{softmax}(z), \quad q = \mathrm{softmax}(w)

    An example below the threshold is 0 and counts in the mean, as in the paper, so that the loss grows with the number
    of confident examples. For the mean over the confident ones alone, use ``reduction="sum"`` over their number, or
    `jaxloss.combine.nonzero_mean`. With ``fixmatch_loss(logits, logits, threshold=0.0)`` these are the pseudo-labels of
    Lee (2013), of one view: :math:`-\log \max_k p_k`.

    Args:
        logits: Scores :math:`z` of the strong view, shape ``[..., K]``, floating, unnormalised. A class of logit -inf
            is absent.
        weak_logits: Scores :math:`w` of the weak view, shape ``[..., K]``, the same. No gradient flows to them. Of
            equal largest scores the first counts.
        threshold: Probability :math:`\tau` in [0, 1) from which on a prediction is a label; 0 takes all of them.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly, with zero gradient, for examples below the threshold.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, the class axis is missing or empty, or ``threshold`` is out of range.

    Example:
        >>> logits, weak_logits = jnp.zeros((2, 2)), jnp.array([[4.0, 0.0], [1.0, 0.0]])
        >>> jaxloss.fixmatch_loss(logits, weak_logits, reduction="none")
        Array([0.6931472, 0.       ], dtype=float32)

    Reference:
        Sohn et al. (2020), FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence.
        https://arxiv.org/abs/2001.07685
    """
    logits, weak_logits = checks.floating(logits=logits, weak_logits=weak_logits)
    checks.with_axes("classes", logits=logits)
    checks.same_shape(logits=logits, weak_logits=weak_logits)
    strong, weak = promote(*(hide(where, x, event_ndim=1) for x in (logits, jax.lax.stop_gradient(weak_logits))))
    threshold = checks.scalar("threshold", threshold, strong.dtype, at_least=0, below=1)
    below, largest = below_largest(weak)
    confidence = 1 / jnp.sum(jnp.exp(below), axis=-1)
    surprise, *_ = label_terms(strong, jnp.argmax(largest, axis=-1).astype(jnp.int32))
    values = jnp.where(confidence < threshold, jnp.zeros((), strong.dtype), surprise)
    # What is not confident shows its NaN as well.
    values = numerics.poison(values, jnp.logical_not(jnp.isnan(confidence) | jnp.isnan(surprise)))
    return reduce(values, where=where, weights=weights, reduction=reduction)
