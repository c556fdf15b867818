"""Pseudo-labels: a network's own confident predictions on unlabelled examples become targets."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.consistency._confident import labelled_views, where_confident
from jaxloss.divergences.kullback_leibler import kl_divergence_from_logits

__all__ = ["fixmatch_loss", "uda_loss"]


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
    surprise, confidence, _, _ = labelled_views(where, logits, weak_logits)
    threshold = checks.scalar("threshold", threshold, surprise.dtype, at_least=0, below=1)
    values = where_confident(confidence, threshold, surprise)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def uda_loss(
    logits: ArrayLike,
    weak_logits: ArrayLike,
    *,
    temperature: Scalar = 0.4,
    threshold: Scalar = 0.8,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""UDA: divergence of a strongly augmented view from the sharpened, confident prediction of the original.

    .. math:: \ell = 1\!\left[\max_k q_k \ge \tau\right] \mathrm{KL}\left( q^{(T)} \,\middle\|\, p \right), \qquad
              q^{(T)} = \mathrm{softmax}(w / T), \quad q = \mathrm{softmax}(w), \quad p = \mathrm{softmax}(z)

    Unlike `fixmatch_loss` it keeps the probabilities of the other classes. As there, an example below the threshold is
    0 and counts in the mean. The limit of a small temperature is `fixmatch_loss`; without threshold and sharpening it
    is `jaxloss.kl_divergence_from_logits`.

    Args:
        logits: Scores :math:`z` of the strong view, shape ``[..., K]``, floating, unnormalised. A class of logit -inf
            is absent.
        weak_logits: Scores :math:`w` of the original, shape ``[..., K]``, the same. No gradient flows to them.
        temperature: :math:`T` > 0; below 1 the target is sharper than the prediction.
        threshold: Probability :math:`\tau` in [0, 1) of the prediction before it is sharpened; 0 takes all of them.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly, with zero gradient, for examples below the threshold.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, the class axis is missing or empty, or a hyperparameter is out of range.

    Example:
        >>> logits, weak_logits = jnp.zeros((2, 2)), jnp.array([[4.0, 0.0], [1.0, 0.0]])
        >>> jaxloss.uda_loss(logits, weak_logits, reduction="none")
        Array([0.6926477, 0.       ], dtype=float32)

    Reference:
        Xie et al. (2020), Unsupervised Data Augmentation for Consistency Training. https://arxiv.org/abs/1904.12848
    """
    _, confidence, _, weak = labelled_views(where, logits, weak_logits)
    temperature = checks.scalar("temperature", temperature, weak.dtype, above=0)
    threshold = checks.scalar("threshold", threshold, weak.dtype, at_least=0, below=1)
    sharpened = below_peak(weak)[0] / temperature
    apart = kl_divergence_from_logits(logits, sharpened, where=where, reduction="none")
    values = where_confident(confidence, threshold, apart)
    return reduce(values, where=where, weights=weights, reduction=reduction)
