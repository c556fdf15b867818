"""Training over a great many classes by a few sampled ones: functions of the scores of the label and of a sample."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["nce_loss", "negative_sampling_loss", "sampled_softmax_loss"]


def sampled_softmax_loss(
    positive_logits: ArrayLike,
    negative_logits: ArrayLike,
    positive_log_q: ArrayLike,
    negative_log_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sampled softmax: cross-entropy over the label and sampled negatives, corrected for their probabilities.

    .. math:: \ell = -\log \frac{e^{s_+ - \log q_+}}{e^{s_+ - \log q_+} + \sum_j e^{s_j - \log q_j}}

    where q is the probability, or the expected count, with which a class is in the sample; a constant added to all
    :math:`\log q` changes nothing. With every other class in the sample and equal q this is the full cross-entropy,
    and as the sample grows its gradient tends to that.

    Args:
        positive_logits: Scores of the labels, shape ``[...]``, floating.
        negative_logits: Scores of sampled classes, shape ``[..., S]``, floating. One of -inf is absent: set it for
            padding and for accidental hits, which are samples that equal the label.
        positive_log_q: Logarithm of the sampling probability of the labels, shape ``[...]``, floating.
        negative_log_q: The same of the sampled classes, shape ``[..., S]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 where no negative is left.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> loss = jaxloss.sampled_softmax_loss(jnp.zeros(1), jnp.zeros((1, 3)), jnp.zeros(1), jnp.zeros((1, 3)))
        >>> print(f"{loss:.4f}")
        1.3863

    Reference:
        Jean, Cho, Memisevic and Bengio (2015), On Using Very Large Target Vocabulary for Neural Machine Translation.
        https://arxiv.org/abs/1412.2007
    """
    positive, negative, _ = _corrected(where, positive_logits, negative_logits, positive_log_q, negative_log_q)
    logits = jnp.concatenate([positive[..., None], negative], axis=-1)
    values = softmax_cross_entropy_with_integer_labels(logits, jnp.zeros(positive.shape, jnp.int32), reduction="none")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def nce_loss(
    positive_logits: ArrayLike,
    negative_logits: ArrayLike,
    positive_log_q: ArrayLike,
    negative_log_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Noise-contrastive estimation (NCE): binary classification of the label against classes drawn from noise.

    .. math:: \ell = -\log \sigma(s_+ - \log k q_+) - \sum_{j=1}^k \log \sigma(\log k q_j - s_j)

    At its minimum the scores are normalised log-probabilities by themselves. Each label weighs one and its k noise
    samples weigh one each; k counts the negatives that are present.

    Args:
        positive_logits: Scores of the labels, shape ``[...]``, floating.
        negative_logits: Scores of noise samples, shape ``[..., S]``, floating. One of -inf is absent: set it for
            padding. A sample that equals the label is legal noise here and need not be removed.
        positive_log_q: Logarithm of the noise probability of the labels, shape ``[...]``, floating. It is a
            probability, not an expected count: the factor k is added here.
        negative_log_q: The same of the noise samples, shape ``[..., S]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 where no negative is left.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> log_q = jnp.log(0.5)
        >>> loss = jaxloss.nce_loss(jnp.zeros(1), jnp.zeros((1, 2)), log_q[None], jnp.full((1, 2), log_q))
        >>> print(f"{loss:.4f}")
        2.0794

    Reference:
        Gutmann and Hyvärinen (2010), Noise-contrastive Estimation: A New Estimation Principle for Unnormalized
        Statistical Models. https://proceedings.mlr.press/v9/gutmann10a.html
    """
    positive, negative, present = _corrected(where, positive_logits, negative_logits, positive_log_q, negative_log_q)
    count = jnp.sum(present, axis=-1, dtype=jnp.int32).astype(positive.dtype)
    log_count = jnp.log(jnp.maximum(count, 1))
    values = _label_or_noise(positive - log_count, negative - log_count[..., None])
    values = values * jnp.minimum(count, 1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def negative_sampling_loss(
    positive_logits: ArrayLike,
    negative_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative sampling (word2vec): logistic loss of the label against sampled negatives, without correction.

    .. math:: \ell = -\log \sigma(s_+) - \sum_j \log \sigma(-s_j)

    It is `jaxloss.nce_loss` with :math:`k q = 1`: it learns embeddings, and scores that are shifted by
    :math:`-\log k q`, not probabilities.

    Args:
        positive_logits: Scores of the labels, shape ``[...]``, floating.
        negative_logits: Scores of sampled negatives, shape ``[..., S]``, floating. One of -inf is absent: set it for
            padding and for samples that equal the label.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> print(f"{jaxloss.negative_sampling_loss(jnp.zeros(1), jnp.zeros((1, 2))):.4f}")
        2.0794

    Reference:
        Mikolov, Sutskever, Chen, Corrado and Dean (2013), Distributed Representations of Words and Phrases and
        their Compositionality. https://arxiv.org/abs/1310.4546
    """
    positive, negative = _one_and_many(positive_logits=positive_logits, negative_logits=negative_logits)
    positive, negative = promote(hide(where, positive), hide(where, negative, event_ndim=1))
    values = _label_or_noise(positive, negative)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _one_and_many(**arrays: ArrayLike) -> tuple[Array, Array]:
    """One number per example and a sample of them on the last axis, as floating arrays."""
    one_name, many_name = arrays
    one, many = checks.floating(**arrays)
    checks.with_axes("samples", allow_empty=True, **{many_name: many})
    checks.has_shape(many.shape[:-1], f"{many_name}.shape[:-1], the sample axis is last", **{one_name: one})
    return one, many


def _corrected(
    where: ArrayLike | None,
    positive_logits: ArrayLike,
    negative_logits: ArrayLike,
    positive_log_q: ArrayLike,
    negative_log_q: ArrayLike,
) -> tuple[Array, Array, Array]:
    """Scores less their log-probabilities of being sampled, -inf where a negative is absent, and which are not."""
    pairs = (
        _one_and_many(positive_logits=positive_logits, negative_logits=negative_logits),
        _one_and_many(positive_log_q=positive_log_q, negative_log_q=negative_log_q),
    )
    checks.same_shape(negative_logits=pairs[0][1], negative_log_q=pairs[1][1])
    positive, negative, positive_log_q, negative_log_q = promote(
        *(hide(where, array, event_ndim=ndim) for pair in pairs for ndim, array in enumerate(pair))
    )
    present = jnp.logical_not(jnp.isneginf(negative))
    corrected = negative - hide(present, negative_log_q)
    return positive - positive_log_q, jnp.where(present, corrected, -jnp.inf), present


def _label_or_noise(positive: Array, negative: Array) -> Array:
    """Logistic losses of the label as a true example and of the negatives as false ones; minus infinity costs 0."""
    own = sigmoid_binary_cross_entropy(positive, jnp.ones_like(positive), reduction="none")
    others = sigmoid_binary_cross_entropy(negative, jnp.zeros_like(negative), reduction="none")
    return own + jnp.sum(others, axis=-1)
