"""Set prediction: every target is matched to one prediction (Hungarian algorithm) before the loss is taken."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import difference, magnitude, poison
from jaxloss._floor.reduction import hide, pool_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.vision.detection._hungarian import assign
from jaxloss.vision.detection._overlap import ensure_corners
from jaxloss.vision.detection.formats import xyxy_to_cxcywh
from jaxloss.vision.detection.overlap import giou_loss
from jaxloss.vision.detection.pairwise import generalized_box_iou

__all__ = ["detr_set_loss", "hungarian_matching"]


def hungarian_matching(costs: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Hungarian matching: the prediction assigned to each target at the smallest total cost.

    .. math:: \hat\sigma = \arg\min_{\sigma \text{ injective}} \sum_{m} C_{\sigma(m), m}

    The Hungarian algorithm, exact, in time :math:`O(M^2 N)` under ``jax.jit`` and on accelerators. The match is not
    differentiated. Masked targets change nothing and are assigned the predictions left over.

    Args:
        costs: Cost of prediction n for target m, shape ``[..., N, M]``, floating, with N >= M. A NaN counts as more
            than any number.
        where: Which targets exist, shape ``[..., M]``, boolean. None: all.

    Returns:
        int32 indices of predictions, shape ``[..., M]``, all different within a set.

    Raises:
        TypeError: If ``costs`` is not floating or ``where`` is not boolean.
        ValueError: If there are more targets than predictions.

    Example:
        >>> jaxloss.hungarian_matching(jnp.array([[1.0, 9.0], [0.0, 2.0], [5.0, 6.0]]))
        Array([0, 1], dtype=int32)

    Reference:
        Kuhn (1955), The Hungarian Method for the Assignment Problem. https://doi.org/10.1002/nav.3800020109
    """
    (costs,) = checks.floating(costs=costs)
    checks.with_axes("predictions targets", allow_empty=True, costs=costs)
    num_predictions, num_targets = costs.shape[-2:]
    if num_targets > num_predictions:
        raise ValueError(
            f"costs must have at least as many predictions as targets, [..., N, M] with N >= M; found {costs.shape}."
        )
    (costs,) = promote(jax.lax.stop_gradient(costs))
    limit = float(jnp.finfo(costs.dtype).max) ** 0.5
    costs = jnp.clip(jnp.nan_to_num(costs, nan=limit, posinf=limit, neginf=-limit), -limit, limit)
    if where is not None:
        kept = checks.mask(where, (*costs.shape[:-2], num_targets))
        costs = jnp.where(kept[..., None, :], costs, jnp.zeros((), costs.dtype))
    if costs.size == 0:
        return jnp.zeros((*costs.shape[:-2], num_targets), jnp.int32)
    tables = jnp.swapaxes(costs, -1, -2).reshape(-1, num_targets, num_predictions)
    return assign(tables).reshape(*costs.shape[:-2], num_targets)


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
    and height. Both means are taken per image; the original code takes them over a batch, which
    `jaxloss.hungarian_matching` and the losses of classes and boxes give, one by one. An image without targets has
    the first term only.

    Args:
        logits: Shape ``[..., N, K + 1]``, floating, unnormalised; the last class is "no object".
        boxes: Predicted boxes ``(x0, y0, x1, y1)``, shape ``[..., N, 4]``, floating; relative to the image, so that
            the L1 distance has a scale.
        labels: Classes of the targets, shape ``[..., M]``, integer, in ``[0, K)``, with M <= N; outside gives NaN.
        target_boxes: Boxes of the targets, shape ``[..., M, 4]``.
        present: Which of the M places hold a target, shape ``[..., M]``, boolean. What is in the others is ignored.
        class_cost: Weight :math:`a_1` of the probability in the match; >= 0.
        l1_cost: Weight :math:`a_2` of the L1 distance in the match; >= 0.
        giou_cost: Weight :math:`a_3` of the overlap in the match; >= 0.
        class_weight: Weight :math:`w_1` of the cross-entropy; >= 0.
        l1_weight: Weight :math:`w_2` of the L1 distance; >= 0.
        giou_weight: Weight :math:`w_3` of the generalised IoU loss; >= 0.
        no_object_weight: Weight of a prediction without a target in the mean of the cross-entropy; >= 0.
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
    logits, boxes, labels, target_boxes, present = _sets(logits, boxes, labels, target_boxes, present, where)
    number = lambda name, value: checks.scalar(name, value, logits.dtype, at_least=0)
    num_classes = logits.shape[-1] - 1
    value_checks.ensure_labels(labels, num_classes)
    legal = jnp.all((labels >= 0) & (labels < num_classes), axis=-1) & ~jnp.any(jnp.isnan(boxes), axis=(-1, -2))
    labels = jnp.clip(labels, 0, max(num_classes - 1, 0))
    pairs = jnp.broadcast_to(labels[..., None, :], (*boxes.shape[:-1], labels.shape[-1]))
    match = hungarian_matching(
        number("l1_cost", l1_cost) * _distance(boxes[..., :, None, :], target_boxes[..., None, :, :])
        - number("class_cost", class_cost) * jnp.take_along_axis(jax.nn.softmax(logits, axis=-1), pairs, axis=-1)
        - number("giou_cost", giou_cost) * generalized_box_iou(boxes, target_boxes),
        where=present,
    )
    named = _class_term(logits, labels, match, present, number("no_object_weight", no_object_weight))
    matched = jnp.take_along_axis(boxes, match[..., None], axis=-2)
    near = pool_mean(hide(present, _distance(matched, target_boxes)), present)
    over = pool_mean(giou_loss(matched, target_boxes, where=present, reduction="none"), present)
    values = number("class_weight", class_weight) * named
    values = values + number("l1_weight", l1_weight) * near + number("giou_weight", giou_weight) * over
    return reduce(poison(values, legal), where=where, weights=weights, reduction=reduction)


def _sets(
    logits: ArrayLike,
    boxes: ArrayLike,
    labels: ArrayLike,
    target_boxes: ArrayLike,
    present: ArrayLike,
    where: ArrayLike | None,
) -> tuple[Array, ...]:
    """The arguments checked, promoted, and blanked where there is no target or no image."""
    logits, boxes = checks.floating(logits=logits, boxes=boxes)
    checks.with_axes("predictions classes", logits=logits)
    checks.has_shape((*logits.shape[:-1], 4), "four coordinates per prediction", boxes=boxes)
    (labels,), (target_boxes,) = checks.integer(labels=labels), checks.numeric(target_boxes=target_boxes)
    (present,) = checks.boolean("True where there is a target", present=present)
    checks.with_axes("targets", allow_empty=True, labels=labels)
    sets = (*logits.shape[:-2], labels.shape[-1])
    checks.has_shape(sets, "one label per place of a target", labels=labels)
    checks.has_shape(sets, "one flag per place of a target", present=present)
    checks.has_shape((*sets, 4), "four coordinates per place of a target", target_boxes=target_boxes)
    logits, boxes, target_boxes = promote(logits, boxes, target_boxes)
    present = hide(where, present, event_ndim=1, fill=False)
    labels, target_boxes = hide(present, checks.as_int32(labels)), hide(present, target_boxes, event_ndim=1)
    ensure_corners(target_boxes=target_boxes)
    return hide(where, logits, event_ndim=2), hide(where, boxes, event_ndim=2), labels, target_boxes, present


def _distance(boxes: Array, others: Array) -> Array:
    """The L1 distance of centre, width and height, which are linear in the corners."""
    return jnp.sum(magnitude(xyxy_to_cxcywh(difference(boxes, others))), axis=-1)


def _class_term(logits: Array, labels: Array, match: Array, present: Array, no_object_weight: Scalar) -> Array:
    """The weighted mean over the predictions of the cross-entropy, with the label of their target or "no object"."""
    queries = jnp.expand_dims(jnp.arange(logits.shape[-2], dtype=jnp.int32), tuple(range(match.ndim - 1)))
    chosen = (queries[..., None] == match[..., None, :]) & present[..., None, :]
    found = jnp.any(chosen, axis=-1)
    own = jnp.sum(jnp.where(chosen, labels[..., None, :], 0), axis=-1, dtype=jnp.int32)
    values = softmax_cross_entropy_with_integer_labels(
        logits, jnp.where(found, own, logits.shape[-1] - 1), reduction="none"
    )
    return pool_mean(values, jnp.where(found, jnp.ones((), logits.dtype), jnp.asarray(no_object_weight, logits.dtype)))
