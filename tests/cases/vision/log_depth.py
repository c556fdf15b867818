"""Cases of `jaxloss.vision.depth_and_motion.log_depth`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.vision._depth import BAD_PIXELS, each_map


def depths(rng, batch):
    """Metres, and predictions that are wrong by a factor and by noise."""
    targets = rng.uniform(0.5, 20.0, batch)
    return {"predictions": 1.3 * targets * np.exp(0.4 * rng.normal(size=batch)), "targets": targets}


def equal_depths(rng, batch):
    targets = rng.uniform(0.5, 20.0, batch)
    return {"predictions": targets, "targets": targets.copy()}


def silog(predictions, targets, pixel_ndim=1, variance_focus=0.5):
    """The formula of the paper: a difference of squares."""
    assert pixel_ndim == 1

    def one(x, y):
        g = [np.log(a) - np.log(b) for a, b in zip(x, y, strict=True)]
        return sum(d * d for d in g) / len(g) - variance_focus * sum(g) ** 2 / len(g) ** 2

    return each_map(one, predictions, targets)


EDGES = {
    "far and near": {"predictions": np.array([1e37, 1e-33, 1.0]), "targets": np.array([1e-33, 1e37, 1.0])},
    "one scale": {"predictions": np.array([2.0, 4.0, 8.0]), "targets": np.array([1.0, 2.0, 4.0])},
    "nearly equal": {"predictions": np.array([1.0000001, 3.0, 7.0]), "targets": np.array([1.0, 3.0, 7.0])},
}
POSITIVE = {"predictions": (0.0, -1.0), "targets": (0.0, -1.0)}
HYPERS = {"pixel_ndim": 1, "variance_focus": 0.75}
BAD = (*BAD_PIXELS, {"pixel_ndim": 1, "variance_focus": -0.1}, {"pixel_ndim": 1, "variance_focus": 1.1})
ENDS = ({"pixel_ndim": 1, "variance_focus": 0.0}, {"pixel_ndim": 1, "variance_focus": 1.0})

CASES = [
    Case(
        fn=jaxloss.scale_invariant_log_error,
        draw=depths,
        oracle=silog,
        source="formula of the paper",
        hypers=HYPERS,
        static=("pixel_ndim",),
        bad_hypers=BAD,
        ends=ENDS,
        pooled=True,
        perfect=equal_depths,
        extremes=EDGES,
        illegal=POSITIVE,
    ),
    Case(
        fn=jaxloss.root_scale_invariant_log_error,
        draw=depths,
        oracle=lambda *args, variance_focus=0.85, **kwargs: np.sqrt(
            silog(*args, variance_focus=variance_focus, **kwargs)
        ),
        source="formula of the paper",
        hypers=HYPERS,
        static=("pixel_ndim",),
        bad_hypers=BAD,
        ends=ENDS,
        pooled=True,
        perfect=equal_depths,
        extremes=EDGES,
        illegal=POSITIVE,
    ),
]
