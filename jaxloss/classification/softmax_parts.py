"""The losses that one pass over the logits gives beside each other."""

from __future__ import annotations

from jaxloss._floor.maths.softmax.parts import CrossEntropyParts, reduced_parts
from jaxloss._floor.maths.softmax.terms import times_class_weights
from jaxloss._floor.typing import ArrayLike, AxisName, Reduction, Scalar
from jaxloss.classification.softmax import losses_of_labels

__all__ = ["CrossEntropyParts", "softmax_cross_entropy_parts"]


def softmax_cross_entropy_parts(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: Scalar = 0.0,
    class_weights: ArrayLike | None = None,
    vocab_axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> CrossEntropyParts:
    r"""Cross-entropy, z-loss and log-normalisers from one pass over the logits, as separate results.

    For a training loop that logs the two losses apart, or gives each a weight or a schedule of its own. All three are
    differentiable, and with :math:`\lambda` times the z-loss added the cross-entropy is
    `jaxloss.softmax_cross_entropy_with_integer_labels` with ``z_loss=``. With ``reduction=jaxloss.reductions.term``
    they are terms of an objective; with ``"none"`` they are those of every example. The log-probability of a class is
    its logit minus the log-normaliser.

    Args:
        logits, labels, label_smoothing, class_weights, vocab_axis_name, where, weights, reduction: See
            `jaxloss.softmax_cross_entropy_with_integer_labels`.

    Returns:
        A ``CrossEntropyParts`` of ``cross_entropy``, ``z_loss`` (both >= 0, reduced with the same weights, class
        weights included) and ``log_normalizers`` of shape ``[...]``.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or ``label_smoothing`` is not in
            [0, 1].

    Example:
        >>> logits, labels = jnp.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), jnp.array([0, 2])
        >>> parts = jaxloss.softmax_cross_entropy_parts(logits, labels)
        >>> print(f"{parts.cross_entropy:.4f} {parts.z_loss:.4f} {parts.log_normalizers}")
        0.6691 3.1113 [2.2395449 1.0986123]

    Reference:
        Chowdhery et al. (2022), PaLM: Scaling Language Modeling with Pathways. https://arxiv.org/abs/2204.02311
    """
    found = losses_of_labels(logits, labels, label_smoothing, class_weights, vocab_axis_name, where)
    counted = times_class_weights(where, weights, found.class_weights, reduction)
    return reduced_parts(found.values, found.log_normalizers, where=where, weights=counted, reduction=reduction)
