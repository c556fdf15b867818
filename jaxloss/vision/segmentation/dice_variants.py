"""Variants of the Dice loss: squared sizes in the denominator, and classes weighted by their rarity."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.maths.sigmoids import in_unit_interval, sigmoid_sides
from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import mean_over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision.segmentation._overlap import Overlap, label_overlap
from jaxloss.vision.segmentation._pixels import mask_pool

__all__ = ["sigmoid_squared_dice_loss", "softmax_generalized_dice_loss", "squared_dice_loss"]


def squared_dice_loss(
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
    r"""Dice loss of probabilities with squared sizes (V-Net): smooth and minimal when predictions equal soft targets.

    With :math:`\overline{x}` the mean over the pixels:

    .. math:: \ell = 1 - \frac{2 \, \overline{p y} + s}{\overline{p^2} + \overline{y^2} + s}
              = \frac{\overline{(p - y)^2}}{\overline{p^2} + \overline{y^2} + s}

    An error of one half costs less here than in `jaxloss.dice_loss`: 0.2 instead of 1/3 on a pixel of the mask.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1].
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, including an empty prediction for an empty target, with zero
        gradient there.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or ``smoothing`` is out of range; or
            if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> jaxloss.squared_dice_loss(jnp.array([0.5, 0.0]), jnp.array([1, 0]), pixel_ndim=1, smoothing=0.0)
        Array(0.2, dtype=float32)

    Reference:
        Milletari, Navab and Ahmadi (2016), V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image
        Segmentation. https://arxiv.org/abs/1606.04797
    """
    probs, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, probs=probs, targets=targets)
    value_checks.ensure_probabilities(probs=probs)
    smoothing = checks.scalar("smoothing", smoothing, probs.dtype, at_least=0)
    probs, targets = in_unit_interval(probs), in_unit_interval(targets)
    values = _squared(axis_name, probs, targets, probs - targets, mass, smoothing)
    return reduce(values, where=present, reduction=reduction)


def sigmoid_squared_dice_loss(
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
    r"""Dice loss of the sigmoid of logits with squared sizes (V-Net): smooth and minimal at soft targets.

    With :math:`p = \sigma(z)` and :math:`\overline{x}` the mean over the pixels:

    .. math:: \ell = 1 - \frac{2 \, \overline{p y} + s}{\overline{p^2} + \overline{y^2} + s}
              = \frac{\overline{(p - y)^2}}{\overline{p^2} + \overline{y^2} + s}

    Args:
        logits: Scores of the mask, shape ``[..., *pixels]``, floating, unnormalised.
        targets: Membership of the mask, shape ``[..., *pixels]``, floating or integer, in [0, 1].
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or ``smoothing`` is out of range; or
            if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> jaxloss.sigmoid_squared_dice_loss(jnp.array([0.0, -9.0]), jnp.array([1, 0]), pixel_ndim=1)
        Array(0.19999681, dtype=float32)

    Reference:
        Milletari, Navab and Ahmadi (2016), V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image
        Segmentation. https://arxiv.org/abs/1606.04797
    """
    logits, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, logits=logits, targets=targets)
    smoothing = checks.scalar("smoothing", smoothing, logits.dtype, at_least=0)
    probs, rests, targets = *sigmoid_sides(logits), in_unit_interval(targets)
    values = _squared(axis_name, probs, targets, (1 - targets) * probs - targets * rests, mass, smoothing)
    return reduce(values, where=present, reduction=reduction)


def softmax_generalized_dice_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    class_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generalised Dice loss: one quotient for all classes, each weighted by the inverse square of its size.

    With :math:`p = \mathrm{softmax}(z)`, and :math:`|y_k|` the pixels of class k:

    .. math:: \ell = 1 - \frac{2 \sum_k w_k |p_k \cap y_k|}{\sum_k w_k (|p_k| + |y_k|)}, \qquad
              w_k = \frac{c_k}{|y_k|^2}

    A class without a pixel, whose weight would be infinite, has the largest weight of the others. Every pool has
    its own weights.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        class_weights: Further factors :math:`c` of the classes, shape ``[K]``, >= 0; None is 1 for all.
        pixel_ndim, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]`` or there are fewer than ``pixel_ndim`` pixel axes; or if
            the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.softmax_generalized_dice_loss(logits, labels, pixel_ndim=1)
        Array(0.18625157, dtype=float32)

    Reference:
        Sudre et al. (2017), Generalised Dice Overlap as a Deep Learning Loss Function for Highly Unbalanced
        Segmentations. https://arxiv.org/abs/1707.03237
    """
    overlap, present = label_overlap(logits, labels, pixel_ndim, axis_name, where, weights)
    wrong = 0.5 * (overlap.extra + overlap.missed)
    factors = jnp.ones(wrong.shape[-1:], wrong.dtype)
    if class_weights is not None:
        (factors,) = checks.class_vector(wrong.shape[-1], wrong.dtype, class_weights=class_weights)
    rarity = _rarity(overlap, jnp.broadcast_to(factors, wrong.shape))
    values = divide(jnp.sum(rarity * wrong, axis=-1), jnp.sum(rarity * (overlap.both + wrong), axis=-1))
    return reduce(values, where=present, reduction=reduction)


def _squared(
    axis_name: AxisName | None, probs: Array, targets: Array, error: Array, mass: Array | None, smoothing: Scalar
) -> Array:
    size = mean_over(axis_name, jnp.square(probs) + jnp.square(targets), mass)
    return divide(mean_over(axis_name, jnp.square(error), mass), size + smoothing)


def _rarity(overlap: Overlap, factors: Array) -> Array:
    """The weights of the classes, times the square of the least size among those that count."""
    sizes = jax.lax.stop_gradient(overlap.both + overlap.missed)
    absent = sizes == 0
    counted = (factors > 0) & jnp.logical_not(absent)
    least = jnp.min(jnp.where(counted, sizes, jnp.asarray(jnp.inf, sizes.dtype)), axis=-1, keepdims=True)
    rare = jnp.square(least / jnp.where(counted, sizes, least))
    return factors * jnp.where(jnp.isfinite(least), rare, jnp.ones((), sizes.dtype))
