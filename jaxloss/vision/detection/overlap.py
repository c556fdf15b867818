"""IoU losses of boxes: one minus the overlap of two boxes, plus terms that attract boxes that do not overlap."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.vision.detection._centres import relative_distance, relative_sides, turn
from jaxloss.vision.detection._overlap import box_pair, lack_of_overlap, lack_of_overlap_and_hull

__all__ = ["ciou_loss", "diou_loss", "eiou_loss", "giou_loss", "iou_loss"]


def iou_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""IoU loss: one minus the intersection over union of two boxes.

    .. math:: \ell = 1 - \frac{|A \cap B|}{|A \cup B|}

    Boxes that do not overlap have loss 1 and no gradient: `jaxloss.giou_loss`, `jaxloss.diou_loss` and
    `jaxloss.ciou_loss` attract them. (Some libraries mean :math:`-\log` of the same ratio by this name.) A box with an
    inverted side, x1 < x0, covers nothing: its loss is 1. The power IoU loss (alpha-IoU) is
    ``1 - (1 - iou_loss(..., reduction="none")) ** alpha``.

    Args:
        predictions: Boxes ``(x0, y0, x1, y1)``, shape ``[..., 4]``, floating.
        targets: Boxes of the same shape; floating or integer.
        where, weights, reduction: One entry per box, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, also of a point or a line.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the last axis does not have four entries.

    Example:
        >>> jaxloss.iou_loss(jnp.array([0.0, 0.0, 2.0, 2.0]), jnp.array([1.0, 0.0, 3.0, 2.0]))
        Array(0.6666667, dtype=float32)

    Reference:
        Yu et al. (2016), UnitBox: An Advanced Object Detection Network. https://arxiv.org/abs/1608.01471
    """
    values = lack_of_overlap(*box_pair(predictions, targets, where))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def giou_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generalised IoU loss (GIoU): IoU loss plus the share of the smallest enclosing box that neither box covers.

    .. math:: \ell = 1 - \frac{|A \cap B|}{|A \cup B|} + \frac{|C| - |A \cup B|}{|C|}

    with C the smallest enclosing box.     A box with an inverted side, x1 < x0,
    covers nothing and widens C by the length of that side: the loss is at least 1 and the gradient turns the box round.
    If C has no area it adds 0.

    Args:
        predictions: Boxes ``(x0, y0, x1, y1)``, shape ``[..., 4]``, floating.
        targets: Boxes of the same shape; floating or integer.
        where, weights, reduction: One entry per box, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 2]; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the last axis does not have four entries.

    Example:
        >>> jaxloss.giou_loss(jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([3.0, 0.0, 4.0, 1.0]))
        Array(1.5, dtype=float32)

    Reference:
        Rezatofighi et al. (2019), Generalized Intersection over Union. https://arxiv.org/abs/1902.09630
    """
    values = lack_of_overlap_and_hull(*box_pair(predictions, targets, where))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def diou_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Distance-IoU loss (DIoU): IoU loss plus the relative squared distance of the centres.

    .. math:: \ell = 1 - \mathrm{IoU} + \frac{\rho^2}{c^2}

    with :math:`\rho` the distance of the centres and :math:`c` the diagonal of the smallest enclosing box.

    An inverted side, x1 < x0, counts as a side of length 0 at its middle: the loss is at least 1, and its gradient
    moves the box but does not turn the side. A diagonal of length 0 adds 0.

    Args:
        predictions: Boxes ``(x0, y0, x1, y1)``, shape ``[..., 4]``, floating; x and y in the same unit.
        targets: Boxes of the same shape; floating or integer.
        where, weights, reduction: One entry per box, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 2]; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the last axis does not have four entries.

    Example:
        >>> jaxloss.diou_loss(jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([3.0, 0.0, 4.0, 1.0]))
        Array(1.5294118, dtype=float32)

    Reference:
        Zheng et al. (2020), Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression.
        https://arxiv.org/abs/1911.08287
    """
    box, target = box_pair(predictions, targets, where)
    values = lack_of_overlap(box, target) + relative_distance(box, target)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ciou_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Complete IoU loss (CIoU): distance-IoU loss plus a term for the difference of the aspect ratios.

    .. math:: \ell = 1 - \mathrm{IoU} + \frac{\rho^2}{c^2} + \alpha v, \qquad
              v = \frac{4}{\pi^2} \left(\arctan \frac{w'}{h'} - \arctan \frac{w}{h}\right)^2, \quad
              \alpha = \frac{v}{1 - \mathrm{IoU} + v}

    :math:`\alpha` is a constant of differentiation, as in the paper. A side of length 0 has a ratio of 0 or
    infinity, of angle 0 or :math:`\pi / 2`; a point has angle 0. An inverted side, x1 < x0, counts as one of length 0
    at its middle, as in `jaxloss.diou_loss`.

    Args:
        predictions: Boxes ``(x0, y0, x1, y1)``, shape ``[..., 4]``, floating; x and y in the same unit.
        targets: Boxes of the same shape; floating or integer.
        where, weights, reduction: One entry per box, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 3]; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the last axis does not have four entries.

    Example:
        >>> jaxloss.ciou_loss(jnp.array([0.0, 0.0, 2.0, 1.0]), jnp.array([0.0, 0.0, 1.0, 2.0]))
        Array(0.76291835, dtype=float32)

    Reference:
        Zheng et al. (2020), Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression.
        https://arxiv.org/abs/1911.08287
    """
    box, target = box_pair(predictions, targets, where)
    lack, tilt = lack_of_overlap(box, target), jnp.square((2 / math.pi) * turn(box, target))
    alpha = jax.lax.stop_gradient(divide(tilt, lack + tilt))
    values = lack + relative_distance(box, target) + alpha * tilt
    return reduce(values, where=where, weights=weights, reduction=reduction)


def eiou_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Efficient IoU loss (EIoU): distance-IoU loss plus the differences of widths and of heights.

    .. math:: \ell = 1 - \mathrm{IoU} + \frac{\rho^2}{c^2} + \frac{(w - w')^2}{c_w^2} + \frac{(h - h')^2}{c_h^2}

    with the sides :math:`c_w, c_h` of the smallest box around both and its diagonal :math:`c`. Unlike the ratio in
    `jaxloss.ciou_loss`, a side that is too long is told apart from one that is too short. An inverted side, x1 < x0,
    counts as one of length 0 at its middle, as in `jaxloss.diou_loss`.

    Args:
        predictions: Boxes ``(x0, y0, x1, y1)``, shape ``[..., 4]``, floating; x and y in the same unit.
        targets: Boxes of the same shape; floating or integer.
        where, weights, reduction: One entry per box, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 4]; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the last axis does not have four entries.

    Example:
        >>> jaxloss.eiou_loss(jnp.array([0.0, 0.0, 2.0, 1.0]), jnp.array([0.0, 0.0, 1.0, 2.0]))
        Array(1.2291667, dtype=float32)

    Reference:
        Zhang et al. (2021), Focal and Efficient IOU Loss for Accurate Bounding Box Regression.
        https://arxiv.org/abs/2101.08158
    """
    box, target = box_pair(predictions, targets, where)
    values = lack_of_overlap(box, target) + relative_distance(box, target) + relative_sides(box, target)
    return reduce(values, where=where, weights=weights, reduction=reduction)
