"""Set prediction: every target is matched to one prediction (Hungarian algorithm) before the loss is taken."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import hide, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.vision.detection._sets import box_distance, set_inputs
from jaxloss.vision.detection.assignment import detr_costs, hungarian_matching, query_labels
from jaxloss.vision.detection.overlap import giou_loss

__all__ = ["detr_set_loss"]


def detr_set_loss(
    logits: ArrayLike,
    boxes: ArrayLike,
    labels: ArrayLike,
    target_boxes: ArrayLike,
    present: ArrayLike,
    *,
    class_cost: Scalar = 1.0,
    l1_cost: Scalar = 5.0,
    giou_cost: Scalar = 2.0,
    class_weight: Scalar = 1.0,
    l1_weight: Scalar = 5.0,
    giou_weight: Scalar = 2.0,
    no_object_weight: Scalar = 0.1,
    no_object: int = -1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Set prediction loss of DETR: predictions and targets are matched one to one, then classes and boxes compared.

    The match :math:`\sigma` of the M targets of an image to its N predictions has the smallest sum of

    .. math:: C_{nm} = -a_1 \, p_n(y_m) + a_2 \, |b_n - b'_m|_1 - a_3 \, \mathrm{GIoU}(b_n, b'_m)

    and is a constant of differentiation. With :math:`t_n` the label of the matched target, or "no object":

    .. math:: \ell = w_1 \frac{-\sum_n c_{t_n} \log p_n(t_n)}{\sum_n c_{t_n}}
              + \frac{1}{M} \sum_m \left( w_2 |b_{\sigma(m)} - b'_m|_1
              + w_3 \left(1 - \mathrm{GIoU}(b_{\sigma(m)}, b'_m)\right) \right)

    where :math:`c` is ``no_object_weight`` for "no object" and 1 otherwise. The L1 distance is that of centre, width
    and height. Both means are taken per image, and an image without targets has the first term only. The original code
    takes the means over a batch, in which images with many targets count more. That is a sum of three losses::

        costs = jaxloss.detr_costs(logits, boxes, labels, target_boxes)
        match = jaxloss.hungarian_matching(costs, where=present)
        classes = jaxloss.query_labels(match, labels, present, num_queries=N, no_object=K)
        matched, mean = jnp.take_along_axis(boxes, match[..., None], axis=-2), jaxloss.reductions.mean(axis_name="data")
        share = jnp.where(classes == K, 0.1, 1.0)
        named = jaxloss.softmax_cross_entropy_with_integer_labels(logits, classes, weights=share, reduction=mean)
        near = 4 * jaxloss.absolute_error(
            *map(jaxloss.boxes.xyxy_to_cxcywh, (matched, target_boxes)), where=present[..., None], reduction=mean
        )
        loss = named + 5 * near + 2 * jaxloss.giou_loss(matched, target_boxes, where=present, reduction=mean)

    With ``axis_name`` each mean is that over the batches of all devices, by the number of targets on all of them.

    Args:
        logits: Shape ``[..., N, K + 1]``, floating, unnormalised; one class is "no object".
        boxes: Predicted boxes ``(x0, y0, x1, y1)``, shape ``[..., N, 4]``, floating; relative to the image, so that
            the L1 distance has a scale.
        labels: Classes of the targets, shape ``[..., M]``, integer, in ``[0, K]`` without ``no_object``, with M <= N;
            others give NaN.
        target_boxes: Boxes of the targets, shape ``[..., M, 4]``.
        present: Which of the M places hold a target, shape ``[..., M]``, boolean. What is in the others is ignored.
        class_cost: Weight :math:`a_1` of the probability in the match; >= 0.
        l1_cost: Weight :math:`a_2` of the L1 distance in the match; >= 0.
        giou_cost: Weight :math:`a_3` of the overlap in the match; >= 0.
        class_weight: Weight :math:`w_1` of the cross-entropy; >= 0.
        l1_weight: Weight :math:`w_2` of the L1 distance; >= 0.
        giou_weight: Weight :math:`w_3` of the generalised IoU loss; >= 0.
        no_object_weight: Weight of a prediction without a target in the mean of the cross-entropy; >= 0.
        no_object: Index of the class "no object", static, in ``[-K - 1, K]``: the last by default, 0 in Scenic.
        where, weights, reduction: One entry per image, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly if every target has a certain prediction with its box, and all others are certain
        of no object.

    Raises:
        TypeError: If ``logits`` or ``boxes`` is not floating, ``labels`` is not integer or ``present`` is not boolean.
        ValueError: If the shapes do not match, there are more targets than predictions, or a weight is negative.

    Example:
        >>> logits = jnp.array([[0.0, 4.0], [4.0, 0.0]])
        >>> boxes = jnp.array([[0.0, 0.0, 0.1, 0.1], [0.5, 0.5, 0.9, 0.9]])
        >>> targets = jnp.array([[0.5, 0.5, 0.9, 1.0]])
        >>> jaxloss.detr_set_loss(logits, boxes, jnp.array([0]), targets, jnp.array([True]))
        Array(1.1681502, dtype=float32)

    Reference:
        Carion et al. (2020), End-to-End Object Detection with Transformers. https://arxiv.org/abs/2005.12872
    """
    logits, boxes, labels, target_boxes, present = set_inputs(logits, boxes, labels, target_boxes, present, where)
    number = lambda name, value: checks.scalar(name, value, logits.dtype, at_least=0)
    no_object = _class_index(no_object, logits.shape[-1])
    legal = _are_labels(labels, present, logits.shape[-1], no_object)
    costs = detr_costs(logits, boxes, labels, target_boxes, class_cost=class_cost, l1_cost=l1_cost, giou_cost=giou_cost)
    match = hungarian_matching(costs, where=present)
    legal = jnp.all(legal, axis=-1) & ~jnp.any(jnp.isnan(boxes), axis=(-1, -2))
    classes = query_labels(match, labels, present, num_queries=logits.shape[-2], no_object=no_object)
    each = softmax_cross_entropy_with_integer_labels(logits, classes, reduction="none")
    share = jnp.asarray(number("no_object_weight", no_object_weight), logits.dtype)
    named = pool_mean(each, jnp.where(classes == no_object, share, jnp.ones((), logits.dtype)))
    matched = jnp.take_along_axis(boxes, match[..., None], axis=-2)
    near = pool_mean(hide(present, box_distance(matched, target_boxes)), present)
    over = pool_mean(giou_loss(matched, target_boxes, where=present, reduction="none"), present)
    values = number("class_weight", class_weight) * named
    values = values + number("l1_weight", l1_weight) * near + number("giou_weight", giou_weight) * over
    return reduce(poison(values, legal), where=where, weights=weights, reduction=reduction)


def _class_index(no_object: int, num_classes: int) -> int:
    """The index of a class from the start."""
    index = checks.whole("no_object", no_object, at_least=-num_classes)
    if index >= num_classes:
        raise ValueError(f"no_object must be the index of one of the {num_classes} classes; found {no_object}.")
    return index % num_classes


def _are_labels(labels: Array, present: Array, num_classes: int, no_object: int) -> Array:
    """Which labels name a class of objects, or are of no target."""
    legal = ((labels >= 0) & (labels < num_classes) & (labels != no_object)) | ~present
    value_checks.ensure(lambda: legal, f"labels must lie in [0, {num_classes}), without {no_object} for no object")
    return legal
