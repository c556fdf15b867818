"""Softmax losses for long-tailed classes: shifted logits, margins, class weights."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = [
    "balanced_softmax_loss",
    "class_balanced_weights",
    "ldam_loss",
    "logit_adjusted_cross_entropy",
]


def _adjusted(logits: Array, frequencies: Array, tau: Scalar) -> Array:
    """``z + tau log(pi / max pi)``; the constant changes no softmax. A class of frequency 0 is absent."""
    absent = frequencies == 0
    share = frequencies / jax.lax.stop_gradient(jnp.max(frequencies))
    offsets = tau * jnp.log(jnp.where(absent, jnp.ones((), share.dtype), share))
    offsets = numerics.poison(jnp.where(absent, jnp.asarray(-jnp.inf, share.dtype), offsets), frequencies >= 0)
    return logits + jnp.broadcast_to(offsets, logits.shape)


def logit_adjusted_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    class_priors: ArrayLike,
    *,
    tau: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Logit-adjusted cross-entropy: softmax cross-entropy of logits shifted by the log-frequencies of the classes.

    .. math:: \ell = -\log \frac{\pi_y^\tau e^{z_y}}{\sum_k \pi_k^\tau e^{z_k}}

    The shift belongs to training only: the raw logits then rank classes for balanced error.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        class_priors: Frequencies :math:`\pi` of the classes in the training set, shape ``[K]``, >= 0; their scale
            does not matter. A class of frequency 0 is absent, at any ``tau``.
        tau: Strength of the adjustment; >= 0. 0 is cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; +inf if the label's class is absent.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, ``class_priors`` are not one
            number per class, or ``tau`` is out of range.

    Example:
        >>> logits, priors = jnp.zeros((2, 2)), jnp.array([0.75, 0.25])
        >>> jaxloss.logit_adjusted_cross_entropy(logits, jnp.array([0, 1]), priors, reduction="none")
        Array([0.28768206, 1.3862944 ], dtype=float32)

    Reference:
        Menon et al. (2021), Long-Tail Learning via Logit Adjustment. https://arxiv.org/abs/2007.07314
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (class_priors,) = checks.numeric(class_priors=class_priors)
    (working, class_priors) = promote(hide(where, logits, event_ndim=1), class_priors)
    (class_priors,) = checks.class_vector(logits.shape[-1], working.dtype, class_priors=class_priors)
    value_checks.ensure(lambda: class_priors >= 0, "class_priors must be >= 0")
    tau = checks.scalar("tau", tau, working.dtype, at_least=0)
    moved = _adjusted(working, class_priors, tau)
    return softmax_cross_entropy_with_integer_labels(moved, labels, where=where, weights=weights, reduction=reduction)


def balanced_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Balanced softmax: `logit_adjusted_cross_entropy` with ``tau`` 1, from class counts.

    .. math:: \ell = -\log \frac{n_y e^{z_y}}{\sum_k n_k e^{z_k}}

    The softmax counts every class as often as it occurs.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        class_counts: Number :math:`n` of training examples of every class, shape ``[K]``, >= 0. A class of count 0
            is absent.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; +inf if the label's class is absent.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or ``class_counts`` are not one
            number per class.

    Example:
        >>> logits, counts = jnp.zeros((2, 2)), jnp.array([300, 100])
        >>> jaxloss.balanced_softmax_loss(logits, jnp.array([0, 1]), counts, reduction="none")
        Array([0.28768206, 1.3862944 ], dtype=float32)

    Reference:
        Ren et al. (2020), Balanced Meta-Softmax for Long-Tailed Visual Recognition. https://arxiv.org/abs/2007.10740
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (class_counts,) = checks.numeric(class_counts=class_counts)
    checks.has_shape((logits.shape[-1],), "one number per class", class_counts=class_counts)
    value_checks.ensure(lambda: class_counts >= 0, "class_counts must be >= 0")
    return logit_adjusted_cross_entropy(logits, labels, class_counts, where=where, weights=weights, reduction=reduction)


def ldam_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: ArrayLike,
    *,
    max_margin: Scalar = 0.5,
    scale: Scalar = 30.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""LDAM loss: softmax cross-entropy with a larger margin for rarer classes (label-distribution-aware margin).

    .. math:: \ell = -\log \frac{e^{s (z_y - \Delta_y)}}{e^{s (z_y - \Delta_y)} + \sum_{k \ne y} e^{s z_k}},
              \qquad \Delta_k = \Delta_{\max} \left(\frac{n_{\min}}{n_k}\right)^{1/4}

    The scale suits cosines, products of a normalised feature and normalised class vectors, as in the paper. Its
    re-weighting of classes late in training is ``weights=jaxloss.class_balanced_weights(counts)[labels]``.

    Args:
        logits: Shape ``[..., K]``, floating; usually cosines in [-1, 1].
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        class_counts: Number :math:`n` of training examples of every class, shape ``[K]``, >= 0. The smallest
            positive count has the largest margin, and so has a class of count 0.
        max_margin: The largest margin, :math:`\Delta_{\max}`, in units of ``logits``; >= 0.
        scale: Factor :math:`s` of the logits; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, ``class_counts`` are not one
            number per class, or a hyperparameter is out of range.

    Example:
        >>> cosines, counts = jnp.array([[0.9, 0.5], [0.5, 0.9]]), jnp.array([1600, 100])
        >>> jaxloss.ldam_loss(cosines, jnp.array([0, 1]), counts, scale=1.0, reduction="none")
        Array([0.6209571, 0.7443967], dtype=float32)

    Reference:
        Cao et al. (2019), Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss.
        https://arxiv.org/abs/1906.07413
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (class_counts,) = checks.numeric(class_counts=class_counts)
    (working, class_counts) = promote(hide(where, logits, event_ndim=1), class_counts)
    (class_counts,) = checks.class_vector(logits.shape[-1], working.dtype, class_counts=class_counts)
    value_checks.ensure(lambda: class_counts >= 0, "class_counts must be >= 0")
    max_margin = checks.scalar("max_margin", max_margin, working.dtype, at_least=0)
    scale = checks.scalar("scale", scale, working.dtype, above=0)
    own = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1) == labels[..., None]
    margins = jnp.broadcast_to(max_margin * _relative_margins(class_counts), logits.shape)
    # A common shift changes no class; the product with the scale would round what is common to all logits. A shift by a
    # multiple of 16 rounds nothing itself, and small logits stay where they are.
    peak = 16 * jnp.round(jnp.max(jax.lax.stop_gradient(working), axis=-1, keepdims=True) / 16)
    near = working - jnp.where(jnp.isfinite(peak), peak, jnp.zeros((), peak.dtype))
    moved = scale * (near - jnp.where(own, margins, jnp.zeros((), margins.dtype)))
    return softmax_cross_entropy_with_integer_labels(moved, labels, where=where, weights=weights, reduction=reduction)


def _relative_margins(class_counts: Array) -> Array:
    """``(n_min / n) ** (1 / 4)`` with the smallest positive count; 1 for a count of 0, NaN for a negative one."""
    absent = class_counts == 0
    smallest = jnp.min(jnp.where(absent, jnp.asarray(jnp.inf, class_counts.dtype), class_counts))
    ratio = smallest / jnp.where(absent, smallest, class_counts)
    return numerics.poison(jnp.sqrt(jnp.sqrt(ratio)), class_counts >= 0)


def class_balanced_weights(class_counts: ArrayLike, *, beta: Scalar = 0.999) -> Array:
    r"""Class-balanced weights: inverse effective numbers of examples per class, with mean 1.

    .. math:: w_k = \frac{K}{E_k \sum_j 1 / E_j}, \qquad E_k = \frac{1 - \beta^{n_k}}{1 - \beta}

    ``beta`` 0 weighs all classes alike, 1 by their inverse frequency. Use them as ``weights=w[labels]`` of any
    classification loss, or as ``class_weights=w``. Labels outside ``[0, K)`` need a mask as always:
    ``w[labels]`` wraps and clamps.

    Args:
        class_counts: Number :math:`n` of training examples of every class, shape ``[K]``, >= 0. A class of count 0
            has weight 0.
        beta: How much a further example of a class still adds; in [0, 1].

    Returns:
        Shape ``[K]``, >= 0, with sum K; float32, or float64 for float64 counts.

    Raises:
        TypeError: If ``class_counts`` are not numbers.
        ValueError: If ``class_counts.ndim != 1``, it is empty, or ``beta`` is out of range.

    Example:
        >>> jaxloss.class_balanced_weights(jnp.array([1000, 100, 10]))
        Array([0.04216039, 0.28000012, 2.6778395 ], dtype=float32)

    Reference:
        Cui et al. (2019), Class-Balanced Loss Based on Effective Number of Samples.
        https://arxiv.org/abs/1901.05555
    """
    (class_counts,) = promote(*checks.numeric(class_counts=class_counts))
    checks.with_axes("classes", class_counts=class_counts)
    checks.has_shape(class_counts.shape[-1:], "one number per class", class_counts=class_counts)
    value_checks.ensure(lambda: class_counts >= 0, "class_counts must be >= 0")
    beta = checks.scalar("beta", beta, class_counts.dtype, at_least=0, at_most=1)
    rate = _negative_log(beta, class_counts.dtype)
    absent = class_counts == 0
    counts = jnp.where(absent, jnp.ones((), rate.dtype), class_counts)
    seen = jnp.where(rate == 0, counts, -jnp.expm1(-rate * counts))
    inverse = jnp.where(absent, jnp.zeros((), rate.dtype), jnp.min(seen) / seen)
    inverse = numerics.poison(inverse, class_counts >= 0)
    return inverse * numerics.divide(jnp.asarray(inverse.size, rate.dtype), jnp.sum(inverse))


def _negative_log(beta: Scalar, dtype: jnp.dtype) -> Array:
    """``-log(beta)``; from a Python float in double precision, where 1 - 1e-9 is not 1."""
    if isinstance(beta, float):
        return jnp.asarray(-math.log(beta) if beta > 0 else math.inf, dtype)
    return -jnp.log(beta)
