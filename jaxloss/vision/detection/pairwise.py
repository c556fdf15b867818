"""IoU and generalised IoU of all pairs of two sets of boxes, for matching and suppression."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.vision.detection._intervals import Box, box_of
from jaxloss.vision.detection._overlap import lack_of_overlap, lack_of_overlap_and_hull

__all__ = ["box_iou", "generalized_box_iou"]


def box_iou(boxes: ArrayLike, others: ArrayLike) -> Array:
    r"""Intersection over union of every box with every other: one minus `jaxloss.iou_loss` of the pairs.

    .. math:: \mathrm{IoU}_{nm} = \frac{|A_n \cap B_m|}{|A_n \cup B_m|}

    Args:
        boxes: Boxes ``(x0, y0, x1, y1)``, shape ``[..., N, 4]``, floating. An inverted box covers nothing.
        others: Shape ``[..., M, 4]``, floating, with the same leading axes.

    Returns:
        Shape ``[..., N, M]``, in [0, 1]; float32, or float64 if an input is. 1 exactly for equal boxes.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the leading axes differ or a last axis does not have four entries.

    Example:
        >>> boxes = jnp.array([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
        >>> jaxloss.boxes.box_iou(boxes, jnp.array([[1.0, 0.0, 3.0, 2.0]]))
        Array([[0.3333333],
               [0.       ]], dtype=float32)

    Reference:
        Everingham et al. (2010), The Pascal Visual Object Classes (VOC) Challenge.
        https://doi.org/10.1007/s11263-009-0275-4
    """
    return 1 - lack_of_overlap(*_pairs(boxes, others))


def generalized_box_iou(boxes: ArrayLike, others: ArrayLike) -> Array:
    r"""Generalised intersection over union of every box with every other: one minus `jaxloss.giou_loss` of the pairs.

    With C the smallest box that encloses both:

    .. math:: \mathrm{GIoU}_{nm} = \frac{|A_n \cap B_m|}{|A_n \cup B_m|}
              - \frac{|C_{nm}| - |A_n \cup B_m|}{|C_{nm}|}

    Args:
        boxes: Boxes ``(x0, y0, x1, y1)``, shape ``[..., N, 4]``, floating. An inverted box is never rewarded.
        others: Shape ``[..., M, 4]``, floating, with the same leading axes.

    Returns:
        Shape ``[..., N, M]``, in [-1, 1]; float32, or float64 if an input is. 1 exactly for equal boxes.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the leading axes differ or a last axis does not have four entries.

    Example:
        >>> boxes = jnp.array([[0.0, 0.0, 1.0, 1.0], [3.0, 0.0, 4.0, 1.0]])
        >>> jaxloss.boxes.generalized_box_iou(boxes, jnp.array([[3.0, 0.0, 4.0, 1.0]]))
        Array([[-0.5],
               [ 1. ]], dtype=float32)

    Reference:
        Rezatofighi et al. (2019), Generalized Intersection over Union. https://arxiv.org/abs/1902.09630
    """
    return 1 - lack_of_overlap_and_hull(*_pairs(boxes, others))


def _pairs(boxes: ArrayLike, others: ArrayLike) -> tuple[Box, Box]:
    boxes, others = checks.floating(boxes=boxes, others=others)
    for name, array in (("boxes", boxes), ("others", others)):
        checks.with_axes("boxes coordinates", allow_empty=True, **{name: array})
        checks.has_shape((*boxes.shape[:-2], array.shape[-2], 4), "boxes of four coordinates", **{name: array})
    boxes, others = promote(boxes, others)
    return box_of(boxes[..., :, None, :]), box_of(others[..., None, :, :])
