"""Sets of predictions and targets: their contract, and the distance of two boxes."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, magnitude
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.vision.detection._overlap import ensure_corners
from jaxloss.vision.detection.formats import xyxy_to_cxcywh

__all__ = ["box_distance", "set_inputs"]


def set_inputs(
    logits: ArrayLike,
    boxes: ArrayLike,
    labels: ArrayLike,
    target_boxes: ArrayLike,
    present: ArrayLike,
    where: ArrayLike | None,
) -> tuple[Array, ...]:
    """The arguments checked, promoted, and blanked where a target or an image is missing."""
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


def box_distance(boxes: Array, others: Array) -> Array:
    """The L1 distance of centre, width and height, which are linear in the corners."""
    return jnp.sum(magnitude(xyxy_to_cxcywh(difference(boxes, others))), axis=-1)
