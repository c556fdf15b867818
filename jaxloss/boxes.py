"""Bounding boxes: converters between formats, and tables of overlaps for matching and suppression.

All losses of boxes take corners, ``(x0, y0, x1, y1)``; data sets and networks often write a box in another format.
Convert at the door, and look at the overlaps of all pairs of two sets of boxes:

    >>> predicted = jaxloss.boxes.cxcywh_to_xyxy(jnp.array([[1.0, 1.0, 2.0, 2.0]]))
    >>> annotated = jaxloss.boxes.xywh_to_xyxy(jnp.array([[1.0, 0.0, 2.0, 2.0], [5.0, 5.0, 1.0, 1.0]]))
    >>> jaxloss.boxes.box_iou(predicted, annotated)
    Array([[0.3333333, 0.       ]], dtype=float32)

The L1 loss of boxes in DETR is that of centres and sides: ``4 * jaxloss.absolute_error(xyxy_to_cxcywh(predictions),
xyxy_to_cxcywh(targets))``, divided by the size of the image; the factor makes its mean the sum over a box.

The losses of pairs, such as `jaxloss.giou_loss`, and `jaxloss.hungarian_matching` stay beside the other losses.
"""

from jaxloss.vision.detection import formats, pairwise
from jaxloss.vision.detection.formats import *
from jaxloss.vision.detection.pairwise import *

__all__: list[str] = []
__all__ += formats.__all__
__all__ += pairwise.__all__
