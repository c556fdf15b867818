"""Cases of `jaxloss.vision.detection.overlap`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases._complex_step import complex_step
from tests.cases.vision._boxes import boxes, giou, measures


def pair(rng, batch):
    return {"predictions": boxes(rng, batch, 1.3), "targets": boxes(rng, batch, 1.3)}


def same(rng, batch):
    found = boxes(rng, batch)
    flat = rng.integers(0, 4, size=batch)
    found[..., 2] = np.where(flat == 1, found[..., 0], found[..., 2])
    found[..., 3] = np.where(flat == 1, found[..., 1], found[..., 3])
    found[..., 2] = np.where(flat == 2, found[..., 0], found[..., 2])
    return {"predictions": found, "targets": found.copy()}


def iou(predictions, targets):
    return 1 - measures(predictions, targets)[0]


def diou(predictions, targets):
    ratio, _, (low, high), (a, b, c, d) = measures(predictions, targets)
    return 1 - ratio + np.sum(((a + b) / 2 - (c + d) / 2) ** 2, -1) / np.sum((high - low) ** 2, -1)


def eiou(predictions, targets):
    _, _, (low, high), (a, b, c, d) = measures(predictions, targets)
    return diou(predictions, targets) + np.sum((((b - a) - (d - c)) / (high - low)) ** 2, -1)


def _tilt(predictions, targets):
    _, _, _, (a, b, c, d) = measures(predictions, targets)
    angle = lambda low, high: np.arctan((high - low)[..., 0] / (high - low)[..., 1])
    return 4 / np.pi**2 * (angle(c, d) - angle(a, b)) ** 2


def ciou(predictions, targets):
    v = _tilt(predictions, targets)
    return diou(predictions, targets) + v * v / (iou(predictions, targets) + v)


def _ciou_slopes(predictions, targets):
    """With the factor of the tilt held constant."""
    v = _tilt(predictions, targets)
    factor = v / (iou(predictions, targets) + v)
    held = lambda predictions, targets: diou(predictions, targets) + factor * _tilt(predictions, targets)
    return complex_step(held, {"predictions": predictions, "targets": targets}, ("predictions", "targets"))


def _edge(prediction, target):
    return {"predictions": np.array([prediction], float), "targets": np.array([target], float)}


EDGES = {
    "far apart": _edge([0, 0, 1, 1], [1e6, 1e6, 1e6 + 1, 1e6 + 1]),
    "touching": _edge([0, 0, 1, 1], [1, 0, 2, 1]),
    "inside": _edge([1, 1, 2, 2], [0, 0, 3, 3]),
    "no height": _edge([0, 1, 2, 1], [0, 0, 2, 2]),
    "a point": _edge([1, 1, 1, 1], [0, 0, 2, 2]),
    "no target": _edge([0, 0, 2, 2], [1, 1, 1, 1]),
    "two points": _edge([0, 0, 0, 0], [1, 1, 1, 1]),
    "one point": _edge([1, 1, 1, 1], [1, 1, 1, 1]),
    "two lines": _edge([1, 0, 1, 2], [1, 1, 1, 3]),
    "inverted": _edge([2, 0, 1, 1], [0, 0, 3, 1]),
    "inverted twice": _edge([2, 2, 1, 1], [0, 0, 3, 3]),
    "inverted target": _edge([0, 0, 3, 3], [2, 2, 1, 1]),
    "both inverted": _edge([2, 2, 1, 1], [2, 2, 1, 1]),
    "large": _edge([-1e30, 0, 1e30, 1e30], [0, 0, 1e30, 1e30]),
    "small": _edge([0, 0, 2e-30, 1e-30], [0, 0, 1e-30, 1e-30]),
    "thin": _edge([0, 0, 1e-25, 1e10], [0, 0, 1e10, 1e-25]),
}

CASES = [
    Case(
        fn=jaxloss.iou_loss,
        mistakes={"corners": draws.centred("targets")},
        draw=pair,
        oracle=iou,
        source="formula of torchvision.ops.box_iou",
        perfect=same,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.giou_loss,
        mistakes={"corners": draws.centred("targets")},
        draw=pair,
        oracle=giou,
        source="formula of torchvision.ops.generalized_box_iou_loss",
        perfect=same,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.diou_loss,
        mistakes={"corners": draws.centred("targets")},
        draw=pair,
        oracle=diou,
        source="formula of torchvision.ops.distance_box_iou_loss",
        perfect=same,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.ciou_loss,
        mistakes={"corners": draws.centred("targets")},
        draw=pair,
        oracle=ciou,
        source="formula of torchvision.ops.complete_box_iou_loss",
        perfect=same,
        extremes=EDGES,
        slopes=_ciou_slopes,
        exempt={"derivatives": "its factor alpha is a constant of differentiation by definition; see test_boxes"},
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.eiou_loss,
        mistakes={"corners": draws.centred("targets")},
        draw=pair,
        oracle=eiou,
        source="Zhang et al. (2021), equation 10",
        perfect=same,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
]
