"""Cases of `jaxloss.vision.boundaries.erosions`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.vision._distances import KEPT_PLACES
from tests.cases.vision._masks import OUTSIDE, PROB_EDGES, equal_masks


def _thick_errors(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Nearly all pixels are wrong, so that some of them survive the erosions."""
    targets = rng.integers(0, 2, batch) + 0.0
    return {"probs": np.abs(targets - rng.uniform(0.86, 0.98, batch)), "targets": np.abs(targets - 0.01)}


def eroded(probs, targets, pixel_ndim, num_erosions=10, alpha=2.0):
    values = np.zeros(probs.shape[: probs.ndim - pixel_ndim])
    cross = scipy.ndimage.generate_binary_structure(pixel_ndim, 1)
    for i in np.ndindex(values.shape):
        error = (probs[i] - targets[i]) ** 2
        for k in range(num_erosions):
            error = np.maximum(scipy.ndimage.convolve(error, cross / cross.sum(), mode="constant") - 0.5, 0)
            if np.ptp(error):
                error = (error - error.min()) / np.ptp(error)
            values[i] += np.mean(error) * (k + 1) ** alpha
    return values


CASES = [
    Case(
        fn=jaxloss.hausdorff_erosion_loss,
        boolean=True,
        draw=_thick_errors,
        oracle=eroded,
        source="scipy.ndimage.convolve",
        hypers={"pixel_ndim": 1, "num_erosions": 2, "alpha": 1.3},
        static=("pixel_ndim", "num_erosions"),
        bad_hypers=({"pixel_ndim": 0}, {"pixel_ndim": 2}, {"num_erosions": 0}, {"alpha": 0.0}),
        pooled=True,
        perfect=equal_masks,
        extremes={**PROB_EDGES, "all wrong": {"probs": np.ones((2, 6)), "targets": np.zeros((2, 6))}},
        illegal={"probs": OUTSIDE, "targets": OUTSIDE},
        exempt=KEPT_PLACES,
    ),
]
