"""Cases of `jaxloss.vision.detection.directions`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._boxes import measures
from tests.cases.vision.overlap import EDGES, iou, pair, same


def siou(predictions, targets, theta=4.0):
    """With the angle cost as the paper writes it."""
    _, _, (low, high), (a, b, c, d) = measures(predictions, targets)
    gap = (c + d) / 2 - (a + b) / 2
    sine = np.abs(gap[..., 1]) / np.linalg.norm(gap, axis=-1)
    angle = 1 - 2 * np.sin(np.arcsin(sine) - np.pi / 4) ** 2
    distance = np.sum(1 - np.exp(-(2 - angle)[..., None] * (gap / (high - low)) ** 2), -1)
    shape = np.sum((1 - np.exp(-np.abs((b - a) - (d - c)) / np.maximum(b - a, d - c))) ** theta, -1)
    return iou(predictions, targets) + (distance + shape) / 2


CASES = [
    Case(
        fn=jaxloss.siou_loss,
        mistakes={"corners": draws.centred("targets")},
        draw=pair,
        oracle=siou,
        source="formulas of the paper",
        hypers={"theta": 2.5},
        ends=({"theta": 1.0},),
        bad_hypers=({"theta": 0.5},),
        perfect=same,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
]
