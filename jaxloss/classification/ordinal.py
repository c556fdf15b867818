"""Ordinal classification: classes with an order, where a near miss costs less than a far one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.classification.binary import sigmoid_binary_cross_entropy

__all__ = ["coral_ordinal_loss", "corn_ordinal_loss", "squared_emd_ordinal_loss"]


def coral_ordinal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""CORAL ordinal loss: binary cross-entropies of the K - 1 questions "is the class greater than k?".

    .. math:: \ell = -\sum_{k=0}^{K-2} [y > k] \log \sigma(z_k) + [y \le k] \log \sigma(-z_k)

    The logits are to share one weight vector and differ by K - 1 learned biases only; the probabilities of the
    questions then fall with k. The predicted class is the number of positive logits.

    Args:
        logits: Shape ``[..., K - 1]``, floating: the score of a class greater than k.
        labels: Shape ``[...]``, integer ranks in ``[0, K)``; one outside gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or that axis is empty.

    Example:
        >>> jaxloss.coral_ordinal_loss(jnp.zeros((1, 2)), jnp.array([1]))
        Array(1.3862944, dtype=float32)

    Reference:
        Cao, Mirjalili and Raschka (2020), Rank Consistent Ordinal Regression for Neural Networks with Application
        to Age Estimation. https://arxiv.org/abs/1901.07884
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    _, greater = _questions(logits, labels)
    values = jnp.sum(sigmoid_binary_cross_entropy(logits, greater.astype(logits.dtype), reduction="none"), axis=-1)
    return reduce(_known(values, logits, labels), where=where, weights=weights, reduction=reduction)


def corn_ordinal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""CORN ordinal loss: binary cross-entropies of "is the class greater than k, given greater than k - 1?".

    .. math:: \ell = -\sum_{k=0}^{\min(y, K-2)} [y > k] \log \sigma(z_k) + [y = k] \log \sigma(-z_k)

    It is the negative log-likelihood of the class where :math:`P(y > k) = \prod_{j \le k} \sigma(z_j)`, which falls
    with k whatever the logits. An example answers only the questions whose condition it meets. The mean here is per
    example; the authors' code divides the same sum by the number of questions answered in the batch, so that its
    gradient is smaller by the average of :math:`\min(y + 1, K - 1)`.

    Args:
        logits: Shape ``[..., K - 1]``, floating: the score of going beyond class k once it is reached.
        labels: Shape ``[...]``, integer ranks in ``[0, K)``; one outside gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or that axis is empty.

    Example:
        >>> jaxloss.corn_ordinal_loss(jnp.zeros((3, 2)), jnp.array([0, 1, 2]), reduction="none")
        Array([0.6931472, 1.3862944, 1.3862944], dtype=float32)

    Reference:
        Shi, Cao and Raschka (2021), Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional
        Probabilities. https://arxiv.org/abs/2111.08851
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    question, greater = _questions(logits, labels)
    # The first question is asked of an illegal label below 0 too, so that its NaN reaches the gradient.
    asked = jnp.maximum(labels, 0)[..., None] >= question
    values = jnp.sum(
        sigmoid_binary_cross_entropy(logits, greater.astype(logits.dtype), where=asked, reduction="none"), axis=-1
    )
    return reduce(_known(values, logits, labels), where=where, weights=weights, reduction=reduction)


def squared_emd_ordinal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared earth mover's distance of ordered classes: squared difference of cumulative distributions.

    .. math:: \ell = \sum_{k=0}^{K-1} \Big(\sum_{j \le k} p_j - [y \le k]\Big)^2, \qquad p = \mathrm{softmax}(z)

    It is the ranked probability score, and the squared earth mover's distance of classes one apart.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised.
        labels: Shape ``[...]``, integer ranks in ``[0, K)``; one outside gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, K - 1]``; 0 exactly where the right class is certain.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or that axis is empty.

    Example:
        >>> jaxloss.squared_emd_ordinal_loss(jnp.zeros((2, 4)), jnp.array([0, 1]), reduction="none")
        Array([0.875, 0.375], dtype=float32)

    Reference:
        Hou, Yu and Samaras (2016), Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks.
        https://arxiv.org/abs/1611.05916
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    value_checks.ensure_labels(labels, logits.shape[-1])
    probs = jax.nn.softmax(logits, axis=-1)
    below = jnp.cumsum(probs, axis=-1)[..., :-1]
    above = jnp.flip(jnp.cumsum(jnp.flip(probs, -1), axis=-1), -1)[..., 1:]
    _, greater = _questions(above, labels)
    values = jnp.sum(jnp.square(jnp.where(greater, below, above)), axis=-1)
    values = poison(values, (labels >= 0) & (labels < logits.shape[-1]))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _questions(scores: Array, labels: Array) -> tuple[Array, Array]:
    """The index k of every question on the last axis, and the answer to "is the label greater than k?"."""
    question = jax.lax.broadcasted_iota(labels.dtype, scores.shape, scores.ndim - 1)
    return question, labels[..., None] > question


def _known(values: Array, logits: Array, labels: Array) -> Array:
    """NaN where the label is not one of the classes, of which there is one more than logits."""
    classes = logits.shape[-1] + 1
    value_checks.ensure_labels(labels, classes)
    return poison(values, (labels >= 0) & (labels < classes))
