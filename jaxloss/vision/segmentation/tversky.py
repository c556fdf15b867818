"""Tversky losses: overlap with a weight for false positives, one for false negatives, and a focal exponent."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import power
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision.segmentation._overlap import disagree, label_overlap, logit_agreement, miss, prices, prob_agreement
from jaxloss.vision.segmentation._pixels import class_mean

__all__ = ["sigmoid_tversky_loss", "softmax_tversky_loss", "tversky_loss"]


def tversky_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    gamma: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss of probabilities: overlap that trades false positives for false negatives; focal with ``gamma``.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`,
    :math:`|p \setminus y| = \overline{\max(p - y, 0)}` and :math:`|y \setminus p| = \overline{\max(y - p, 0)}`:

    .. math:: \ell = \left(1 - \frac{|p \cap y| + s}{|p \cap y| + \alpha |p \setminus y|
              + \beta |y \setminus p| + s}\right)^\gamma

    The intersection is the minimum, not the product :math:`p y` of other packages. Both are equal for targets of 0 and
    1; with soft targets only the minimum has its smallest loss, 0, at :math:`p = y`.
    ``alpha`` = ``beta`` = 1/2 is `jaxloss.dice_loss`, ``alpha`` = ``beta`` = 1 is `jaxloss.jaccard_loss`.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1].
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        alpha: Weight of false positives; >= 0. (Keras means false negatives by it, unlike its documentation.)
        beta: Weight of false negatives; >= 0. The paper weights false positives by 0.3 and false negatives by 0.7.
        gamma: Exponent of the focal Tversky loss; > 0. Below 1 it emphasises nearly perfect pools, with a slope that
            grows without bound; above 1, poor ones. Its paper uses 3/4 (there the inverse of its :math:`\gamma`).
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
        >>> jaxloss.tversky_loss(probs, targets, pixel_ndim=1, reduction="none")
        Array([0.49999, 0.     ], dtype=float32)

    Reference:
        Salehi, Erdogmus and Gholipour (2017), Tversky Loss Function for Image Segmentation Using 3D Fully
        Convolutional Deep Networks. https://arxiv.org/abs/1706.05721
        Abraham and Khan (2019), A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
        Segmentation (gamma). https://arxiv.org/abs/1810.07842
    """
    agreement, present = prob_agreement(probs, targets, alpha, beta, pixel_ndim, axis_name, where, weights)
    return reduce(_focal(disagree(agreement, smoothing), gamma), where=present, reduction=reduction)


def sigmoid_tversky_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    gamma: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss of the sigmoid of logits: overlap that trades false positives for false negatives.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`,
    :math:`|p \setminus y| = \overline{\max(p - y, 0)}` and :math:`|y \setminus p| = \overline{\max(y - p, 0)}`,
    at :math:`p = \sigma(z)`:

    .. math:: \ell = \left(1 - \frac{|p \cap y| + s}{|p \cap y| + \alpha |p \setminus y|
              + \beta |y \setminus p| + s}\right)^\gamma

    `jaxloss.tversky_loss` of :math:`\sigma(z)`, with full relative accuracy for confident logits.
    The unified focal loss with :math:`\delta`, :math:`\gamma` and weight :math:`\lambda` is :math:`\lambda` times
    ``sigmoid_focal_loss(z, y, alpha=delta, gamma=gamma)`` plus :math:`(1 - \lambda) / 2` times the sum of this loss of
    ``(z, y)`` and of ``(-z, 1 - y)``, with ``alpha=1 - delta, beta=delta, gamma=1 - gamma``.

    Args:
        logits: Scores of the mask, shape ``[..., *pixels]``, floating, unnormalised.
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        alpha: Weight of false positives; >= 0.
        beta: Weight of false negatives; >= 0.
        gamma: Focal exponent; > 0. See `jaxloss.tversky_loss`.
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
        >>> jaxloss.sigmoid_tversky_loss(logits, targets, pixel_ndim=2)
        Array(0.21099609, dtype=float32)

    Reference:
        Salehi, Erdogmus and Gholipour (2017), Tversky Loss Function for Image Segmentation Using 3D Fully
        Convolutional Deep Networks. https://arxiv.org/abs/1706.05721
        Abraham and Khan (2019), A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
        Segmentation (gamma). https://arxiv.org/abs/1810.07842
    """
    agreement, present = logit_agreement(logits, targets, alpha, beta, pixel_ndim, axis_name, where, weights)
    return reduce(_focal(disagree(agreement, smoothing), gamma), where=present, reduction=reduction)


def softmax_tversky_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    gamma: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    class_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss of the softmax of logits, averaged over the classes.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`,
    :math:`|p \setminus y| = \overline{\max(p - y, 0)}` and :math:`|y \setminus p| = \overline{\max(y - p, 0)}`
    for :math:`p = \mathrm{softmax}(z)_k` and y = 1 where the label is k:

    .. math:: \ell_k = \left(1 - \frac{|p \cap y| + s}{|p \cap y| + \alpha |p \setminus y|
              + \beta |y \setminus p| + s}\right)^\gamma, \qquad
              \ell = \frac{\sum_k c_k \ell_k}{\sum_k c_k}

    For soft labels or independent classes put the class axis before the pixels and call `jaxloss.tversky_loss` or
    `jaxloss.sigmoid_tversky_loss`.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        alpha: Weight of false positives; >= 0.
        beta: Weight of false negatives; >= 0.
        gamma: Focal exponent; > 0. See `jaxloss.tversky_loss`.
        pixel_ndim, smoothing, class_weights, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, there are fewer than ``pixel_ndim`` pixel axes, or a
            hyperparameter is out of range; or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1, 255])
        >>> jaxloss.softmax_tversky_loss(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.16014494, dtype=float32)

    Reference:
        Salehi, Erdogmus and Gholipour (2017), Tversky Loss Function for Image Segmentation Using 3D Fully
        Convolutional Deep Networks. https://arxiv.org/abs/1706.05721
        Abraham and Khan (2019), A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
        Segmentation (gamma). https://arxiv.org/abs/1810.07842
    """
    overlap, present = label_overlap(logits, labels, pixel_ndim, axis_name, where, weights)
    missed = miss(overlap, *prices(alpha, beta, overlap.both.dtype), smoothing)
    values = class_mean(_focal(missed, gamma), class_weights)
    return reduce(values, where=present, reduction=reduction)


def _focal(missed: Array, gamma: Scalar) -> Array:
    return power(missed, checks.scalar("gamma", gamma, missed.dtype, above=0))
