"""Hinges between classes: the true class is to lead its rivals by a margin."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import largest, poison, positive_part
from jaxloss._floor.reduction import blank, hide, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["multi_margin_loss", "multiclass_hinge_loss", "multilabel_margin_loss"]


def _lead(scores: Array, labels: Array) -> tuple[Array, Array]:
    """By how much every class leads the true one, and which class that is; a lead that does not count is -inf.

    NaN, in value and gradient, for a label out of range. The true class and absent ones (a score of -inf)
    do not count.
    """
    num_classes = scores.shape[-1]
    value_checks.ensure_labels(labels, num_classes)
    scores = poison(scores, ((labels >= 0) & (labels < num_classes))[..., None])
    true = jax.nn.one_hot(labels, num_classes, dtype=jnp.bool_)
    own = jnp.sum(jnp.where(true, scores, 0), axis=-1, keepdims=True)
    return jnp.where(true | jnp.isneginf(scores), -jnp.inf, scores - own), true


def multiclass_hinge_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Crammer-Singer multiclass hinge: by how much the true class fails to lead its strongest rival by 1.

    .. math:: \ell = \max\bigl(0,\; 1 + \max_{k \ne y} s_k - s_y\bigr)

    Rivals that tie share the gradient equally; a lead of exactly 1 has slope 0.

    Args:
        scores: Shape ``[..., classes]``, floating; -inf for a class that is absent.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the true class leads by 1 at least.

    Raises:
        TypeError: If ``scores`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match.

    Example:
        >>> scores = jnp.array([[3.0, 1.0, 2.5], [0.0, 2.0, 0.0]])
        >>> jaxloss.multiclass_hinge_loss(scores, jnp.array([0, 2]), reduction="none")
        Array([0.5, 3. ], dtype=float32)

    Reference:
        Crammer and Singer (2001), On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines.
        https://www.jmlr.org/papers/v2/crammer01a.html
    """
    scores, labels = checks.scores_and_labels(scores=scores, labels=labels)
    (scores,), labels = blank(where, scores, event_ndim=1), hide(where, labels)
    lead, _ = _lead(scores, labels)
    values = positive_part(1 + largest(lead))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def multi_margin_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    power: int = 1,
    class_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Weston-Watkins multiclass hinge: by how much the true class fails to lead each rival, averaged.

    .. math:: \ell = \frac{w_y}{K} \sum_{k \ne y} \max(0,\; m - s_y + s_k)^p

    The sum is divided by the number of classes :math:`K`, not of rivals, as in PyTorch; the weight of the
    class scales the loss and does not enter the denominator of the mean over examples.

    Args:
        scores: Shape ``[..., classes]``, floating; -inf for a class that is absent.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        margin: The lead :math:`m` that costs nothing, in units of ``scores``; >= 0.
        power: The exponent :math:`p`, 1 or 2; static.
        class_weights: Shape ``[classes]``; all 1 by default.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the true class leads all others by ``margin`` at least.

    Raises:
        TypeError: If ``scores`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, ``margin`` is negative or ``power`` not 1 or 2.

    Example:
        >>> scores = jnp.array([[3.0, 1.0, 2.5], [0.0, 2.0, 0.0]])
        >>> jaxloss.multi_margin_loss(scores, jnp.array([0, 2]), reduction="none")
        Array([0.16666667, 1.3333334 ], dtype=float32)

    Reference:
        Weston and Watkins (1999), Support Vector Machines for Multi-Class Pattern Recognition.
        https://www.esann.org/sites/default/files/proceedings/legacy/es1999-461.pdf
    """
    scores, labels = checks.scores_and_labels(scores=scores, labels=labels)
    (scores,), labels = blank(where, scores, event_ndim=1), hide(where, labels)
    margin = checks.scalar("margin", margin, scores.dtype, at_least=0)
    if not isinstance(power, int) or power not in (1, 2):
        raise ValueError(f"power must be 1 or 2, a Python integer; found {power!r}.")
    lead, true = _lead(scores, labels)
    values = plain_mean(positive_part(margin + lead) ** power, -1)
    if class_weights is not None:
        (per_class,) = checks.class_vector(scores.shape[-1], scores.dtype, class_weights=class_weights)
        values *= jnp.sum(jnp.where(true, jnp.broadcast_to(per_class, scores.shape), 0), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def multilabel_margin_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Multi-label margin loss: by how much present classes fail to lead absent ones by 1, summed over pairs.

    .. math:: \ell = \frac1K \sum_{j : y_j = 1} \; \sum_{k : y_k = 0} \max(0,\; 1 - s_j + s_k)

    PyTorch's function has the same value but takes lists of class indices that end in -1. The time grows with
    the square of the number of classes :math:`K`.

    Args:
        scores: Shape ``[..., classes]``, floating.
        targets: 1 for the classes of an example, 0 for the others, shape ``[..., classes]``; integer or
            floating. Any other value gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where every present class leads every absent one by 1 at least, and where
        all classes or none are present.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ, or the class axis is empty.

    Example:
        >>> jaxloss.multilabel_margin_loss(jnp.array([0.1, 0.2, 0.4, 0.8]), jnp.array([1, 0, 0, 1]))
        Array(0.85, dtype=float32)

    Reference:
        Elisseeff and Weston (2001), A Kernel Method for Multi-Labelled Classification.
        https://papers.nips.cc/paper/1964-a-kernel-method-for-multi-labelled-classification
    """
    scores, targets = checks.scores_and_targets(scores=scores, targets=checks.marks(targets))
    scores, targets = blank(where, scores, targets, event_ndim=1)
    valid = (targets == 0) | (targets == 1)
    value_checks.ensure(lambda: valid, "targets must be 0 or 1 for every class")
    # Both ends are poisoned: without a pair neither the value nor the gradient would pass through the other.
    fit = jnp.all(valid, axis=-1)
    scores = poison(scores, fit[..., None])
    pairs = (targets[..., :, None] == 1) & (targets[..., None, :] == 0)
    lack = positive_part(1 - (scores[..., :, None] - scores[..., None, :]))
    values = poison(jnp.sum(jnp.where(pairs, lack, 0), axis=(-2, -1)) / scores.shape[-1], fit)
    return reduce(values, where=where, weights=weights, reduction=reduction)
