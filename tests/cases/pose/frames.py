"""The Case of the frame-aligned point error."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

HELPERS = {"points_in_frames": "coordinates in rigid frames, not a loss"}


def _pairs(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Half of the distances are clamped."""
    targets = 5 * rng.normal(size=(*batch, 3))
    return {
        "predictions": targets + rng.normal(size=(*batch, 3)) * rng.choice([2.0, 20.0], (*batch, 1)),
        "targets": targets,
    }


def _equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=(*batch, 3))
    return {"predictions": values, "targets": values.copy()}


def _clamped(predictions, targets, max_distance=10.0, length_scale=10.0):
    one = lambda x, y: min(max_distance, np.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))) / length_scale
    batch = predictions.shape[:-1]
    return np.reshape([one(predictions[i], targets[i]) for i in np.ndindex(batch)], batch)


CASES = [
    Case(
        fn=jaxloss.frame_aligned_point_error,
        draw=_pairs,
        oracle=_clamped,
        source="Jumper et al. (2021), supplementary algorithm 28, point by point",
        hypers={"max_distance": 6.0, "length_scale": 4.0},
        bad_hypers=({"max_distance": 0.0}, {"length_scale": 0.0}, {"length_scale": -1.0}),
        perfect=_equal,
        extremes={
            "far": {"predictions": np.array([[1e30, 0, 0]]), "targets": np.array([[0, -1e30, 0]])},
            "at the limit": {"predictions": np.array([[6.0, 0, 0], [10, 0, 0]]), "targets": np.zeros((2, 3))},
            "tiny": {"predictions": np.array([[1e-30, 0, 0]]), "targets": np.zeros((1, 3))},
        },
        translates=(("predictions", "targets"),),
    ),
]
