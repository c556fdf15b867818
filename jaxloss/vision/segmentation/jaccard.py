"""Jaccard losses: one minus the intersection of two masks over their union (IoU)."""

from __future__ import annotations

from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision.segmentation._overlap import disagree, label_overlap, logit_agreement, miss, prob_agreement
from jaxloss.vision.segmentation._pixels import class_mean

__all__ = ["jaccard_loss", "sigmoid_jaccard_loss", "softmax_jaccard_loss"]


def jaccard_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard (IoU) loss of probabilities: one minus intersection over union of the pixels.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`, :math:`|p| = \overline{p}` and
    :math:`|y| = \overline{y}`:

    .. math:: \ell = 1 - \frac{|p \cap y| + s}{|p| + |y| - |p \cap y| + s}

    The intersection is the minimum, not the product :math:`p y` of other packages. Both are equal for targets of 0 and
    1; with soft targets only the minimum has its smallest loss, 0, at :math:`p = y`.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1].
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, including an empty prediction for an empty target, with zero
        gradient there.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> probs, targets = jnp.array([[0.5, 0.5], [0.0, 0.0]]), jnp.array([[1, 0], [0, 0]])
        >>> jaxloss.jaccard_loss(probs, targets, pixel_ndim=1, reduction="none")
        Array([0.66665775, 0.        ], dtype=float32)

    Reference:
        Rahman and Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation.
        https://doi.org/10.1007/978-3-319-50835-1_22
        Wang et al. (2023), Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels.
        https://arxiv.org/abs/2302.05666
    """
    agreement, present = prob_agreement(probs, targets, 1.0, 1.0, pixel_ndim, axis_name, where, weights)
    return reduce(disagree(agreement, smoothing), where=present, reduction=reduction)


def sigmoid_jaccard_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard (IoU) loss of the sigmoid of logits: one minus intersection over union of the pixels.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`, :math:`|p| = \overline{p}` and
    :math:`|y| = \overline{y}`, at :math:`p = \sigma(z)`:

    .. math:: \ell = 1 - \frac{|p \cap y| + s}{|p| + |y| - |p \cap y| + s}

    `jaxloss.jaccard_loss` of :math:`\sigma(z)`, with full relative accuracy for confident logits.

    Args:
        logits: Scores of the mask, shape ``[..., *pixels]``, floating, unnormalised.
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, including an empty prediction for an empty target, with zero
        gradient there.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, targets = jnp.array([[2.0, -2.0], [-9.0, 0.0]]), jnp.array([[1, 0], [0, 1]])
        >>> jaxloss.sigmoid_jaccard_loss(logits, targets, pixel_ndim=2)
        Array(0.34846702, dtype=float32)

    Reference:
        Rahman and Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation.
        https://doi.org/10.1007/978-3-319-50835-1_22
        Wang et al. (2023), Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels.
        https://arxiv.org/abs/2302.05666
    """
    agreement, present = logit_agreement(logits, targets, 1.0, 1.0, pixel_ndim, axis_name, where, weights)
    return reduce(disagree(agreement, smoothing), where=present, reduction=reduction)


def softmax_jaccard_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    class_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard (IoU) loss of the softmax of logits, averaged over the classes.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`, :math:`|p| = \overline{p}` and
    :math:`|y| = \overline{y}`, for :math:`p = \mathrm{softmax}(z)_k` and y = 1 where the label is k:

    .. math:: \ell_k = 1 - \frac{|p \cap y| + s}{|p| + |y| - |p \cap y| + s}, \qquad
              \ell = \frac{\sum_k c_k \ell_k}{\sum_k c_k}

    For soft labels or independent classes put the class axis before the pixels and call `jaxloss.jaccard_loss` or
    `jaxloss.sigmoid_jaccard_loss`.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        pixel_ndim, smoothing, class_weights, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, there are fewer than ``pixel_ndim`` pixel axes, or a
            hyperparameter is out of range; or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1, 255])
        >>> jaxloss.softmax_jaccard_loss(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.27567443, dtype=float32)

    Reference:
        Rahman and Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation.
        https://doi.org/10.1007/978-3-319-50835-1_22
        Wang et al. (2023), Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels.
        https://arxiv.org/abs/2302.05666
    """
    overlap, present = label_overlap(logits, labels, pixel_ndim, axis_name, where, weights)
    values = class_mean(miss(overlap, 1.0, 1.0, smoothing), class_weights)
    return reduce(values, where=present, reduction=reduction)
