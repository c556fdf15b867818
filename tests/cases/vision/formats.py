"""Cases of `jaxloss.vision.detection.formats`."""

from __future__ import annotations

HELPERS = {
    "cxcywh_to_xyxy": "writes boxes in another form",
    "xywh_to_xyxy": "writes boxes in another form",
    "xyxy_to_cxcywh": "writes boxes in another form",
    "xyxy_to_xywh": "writes boxes in another form",
    "xyxy_to_yxyx": "writes boxes in another form",
    "yxyx_to_xyxy": "writes boxes in another form",
}

CASES = []
