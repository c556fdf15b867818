"""Cases of `jaxloss.vision.detection.pairwise`."""

from __future__ import annotations

HELPERS = {
    "box_iou": "a table of overlaps of two sets of boxes, not a loss",
    "generalized_box_iou": "a table of overlaps of two sets of boxes, not a loss",
}

CASES = []
