"""Dice loss plus cross-entropy: the overlap of whole masks, and a gradient at every pixel."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.vision.segmentation._pixels import pooled
from jaxloss.vision.segmentation.dice import sigmoid_dice_loss, softmax_dice_loss

__all__ = ["sigmoid_dice_cross_entropy", "softmax_dice_cross_entropy"]


def sigmoid_dice_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    dice_weight: Scalar = 1.0,
    cross_entropy_weight: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Dice loss plus mean binary cross-entropy of the pixels of a mask (DiceBCE), from logits.

    .. math:: \ell = \lambda_1 \, \mathrm{Dice}(\sigma(z), y) + \lambda_2 \, \overline{\mathrm{BCE}(z, y)}

    `jaxloss.sigmoid_dice_loss` plus `jaxloss.sigmoid_binary_cross_entropy`, both over the same pools of pixels.

    Args:
        logits: Scores of the mask, shape ``[..., *pixels]``, floating, unnormalised.
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        dice_weight: Weight :math:`\lambda_1`; >= 0.
        cross_entropy_weight: Weight :math:`\lambda_2`; >= 0.
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar >= 0; for targets of 0 and 1 its infimum is 0.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, targets = jnp.array([[2.0, -2.0], [-9.0, 0.0]]), jnp.array([[1, 0], [0, 1]])
        >>> jaxloss.sigmoid_dice_cross_entropy(logits, targets, pixel_ndim=2)
        Array(0.44777775, dtype=float32)

    Reference:
        Isensee et al. (2021), nnU-Net: A Self-Configuring Method for Deep Learning-Based Biomedical Image
        Segmentation. https://doi.org/10.1038/s41592-020-01008-z
    """
    overlap = sigmoid_dice_loss(
        logits,
        targets,
        pixel_ndim=pixel_ndim,
        smoothing=smoothing,
        axis_name=axis_name,
        where=where,
        weights=weights,
        reduction="none",
    )
    each = sigmoid_binary_cross_entropy(logits, targets, where=where, reduction="none")
    return _both(overlap, each, pixel_ndim, dice_weight, cross_entropy_weight, axis_name, where, weights, reduction)


def softmax_dice_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    dice_weight: Scalar = 1.0,
    cross_entropy_weight: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    class_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean Dice loss of the classes plus mean softmax cross-entropy of the pixels (DiceCE), from logits.

    .. math:: \ell = \lambda_1 \frac{\sum_k c_k \, \mathrm{Dice}_k(z, y)}{\sum_k c_k}
              + \lambda_2 \, \overline{-\log \mathrm{softmax}(z)_y}

    `jaxloss.softmax_dice_loss` plus `jaxloss.softmax_cross_entropy_with_integer_labels`, both over the same pools of
    pixels.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        dice_weight: Weight :math:`\lambda_1`; >= 0.
        cross_entropy_weight: Weight :math:`\lambda_2`; >= 0.
        class_weights: Weights :math:`c` of the classes in the mean of the Dice losses, not in the cross-entropy; shape
            ``[K]``, >= 0.
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar >= 0; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, there are fewer than ``pixel_ndim`` pixel axes, or a
            hyperparameter is out of range; or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1, 255])
        >>> jaxloss.softmax_dice_cross_entropy(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.34106946, dtype=float32)

    Reference:
        Isensee et al. (2021), nnU-Net: A Self-Configuring Method for Deep Learning-Based Biomedical Image
        Segmentation. https://doi.org/10.1038/s41592-020-01008-z
    """
    overlap = softmax_dice_loss(
        logits,
        labels,
        pixel_ndim=pixel_ndim,
        smoothing=smoothing,
        class_weights=class_weights,
        axis_name=axis_name,
        where=where,
        weights=weights,
        reduction="none",
    )
    each = softmax_cross_entropy_with_integer_labels(logits, labels, where=where, reduction="none")
    return _both(overlap, each, pixel_ndim, dice_weight, cross_entropy_weight, axis_name, where, weights, reduction)


def _both(
    overlap: Array,
    each: Array,
    pixel_ndim: int,
    dice_weight: Scalar,
    cross_entropy_weight: Scalar,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Array:
    mean, present = pooled(each, pixel_ndim, axis_name, where, weights)
    dice_weight = checks.scalar("dice_weight", dice_weight, mean.dtype, at_least=0)
    share = checks.scalar("cross_entropy_weight", cross_entropy_weight, mean.dtype, at_least=0)
    return reduce(dice_weight * overlap + share * mean, where=present, reduction=reduction)
