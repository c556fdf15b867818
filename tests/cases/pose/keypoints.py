"""Cases of `jaxloss.pose.keypoints`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

J = 3
SIGMAS = np.array([0.5, 1.0, 0.2])


def _poses(coordinates: int, kinds: int = J):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        targets = rng.normal(size=(*batch, kinds, coordinates))
        visible = np.broadcast_to(np.arange(kinds) < 1, (*batch, kinds)) | (rng.uniform(size=(*batch, kinds)) < 0.6)
        return {
            "predictions": targets + 0.5 * rng.normal(size=targets.shape),
            "targets": targets,
            "visible": visible,
            "areas": rng.uniform(0.5, 3.0, batch),
        }

    return draw


def _found(rng: np.random.Generator, batch: Shape) -> Inputs:
    drawn = _poses(2)(rng, batch)
    return {**drawn, "predictions": drawn["targets"].copy()}


def oks(predictions, targets, visible, areas, sigmas):
    """As COCO evaluates a pose, object by object and keypoint by keypoint."""
    values = np.zeros(areas.shape)
    for i in np.ndindex(areas.shape):
        marks = []
        for j in np.flatnonzero(visible[i]):
            squared = sum((x - y) ** 2 for x, y in zip(predictions[i][j], targets[i][j], strict=True))
            marks.append(np.exp(-squared / (2 * sigmas[j]) ** 2 / areas[i] / 2))
        values[i] = 1 - np.mean(marks)
    return values


def _pose(predictions, areas=1.0, visible=True):
    shape = (1, J, 2)
    return {
        "predictions": np.broadcast_to(np.asarray(predictions, float), shape).copy(),
        "targets": np.zeros(shape),
        "visible": np.full(shape[:-1], visible),
        "areas": np.full(1, areas),
    }


CASES = [
    Case(
        fn=jaxloss.oks_loss,
        draw=_poses(2),
        oracle=oks,
        source="formula of COCO, keypoint by keypoint",
        hypers={"sigmas": SIGMAS},
        bad_hypers=({"sigmas": 0 * SIGMAS}, {"sigmas": SIGMAS[:2]}),
        illegal={"areas": (0.0, -1.0)},
        structures={"three coordinates": _poses(3)},
        perfect=_found,
        extremes={
            "far away": _pose(1e15),
            "one coordinate": _pose([1e10, 0.0]),
            "small object": _pose(1e-3, areas=1e-8),
            "large object": _pose(1e3, areas=1e30),
        },
        translates=(("predictions", "targets"),),
    ),
]
