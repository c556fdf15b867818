"""Cases of `jaxloss.vision.segmentation.centrelines`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape


def _masks(*pixels: int) -> draws.Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {name: rng.uniform(0.02, 0.98, size=(*batch, *pixels)) for name in ("probs", "targets")}

    return draw


def _skeleton(mask, num_iterations):
    cross = scipy.ndimage.generate_binary_structure(mask.ndim, 1)
    erode = lambda m: scipy.ndimage.minimum_filter(m, footprint=cross, mode="constant", cval=np.inf)
    skeleton = np.zeros_like(mask)
    for k in range(num_iterations + 1):
        mask = erode(mask) if k else mask
        opened = scipy.ndimage.maximum_filter(erode(mask), size=3, mode="constant", cval=-np.inf)
        lost = np.maximum(mask - opened, 0)
        skeleton = skeleton + np.maximum(lost - skeleton * lost, 0)
    return skeleton


def cldice(probs, targets, pixel_ndim, num_iterations=3, smoothing=1.0):
    values = np.zeros(probs.shape[: probs.ndim - pixel_ndim])
    for i in np.ndindex(values.shape):
        p, y = probs[i], targets[i]
        predicted, true = (_skeleton(m, num_iterations) for m in (p, y))
        precision = (np.sum(predicted * y) + smoothing) / (np.sum(predicted) + smoothing)
        sensitivity = (np.sum(true * p) + smoothing) / (np.sum(true) + smoothing)
        values[i] = 1 - 2 * precision * sensitivity / (precision + sensitivity)
    return values


BAR = np.zeros((5, 6))
BAR[1:4] = 1

CASES = [
    Case(
        fn=jaxloss.soft_cldice_loss,
        draw=_masks(5, 6),
        oracle=cldice,
        source="scipy.ndimage",
        hypers={"pixel_ndim": 2, "num_iterations": 2, "smoothing": 0.3},
        ends=({"pixel_ndim": 2, "num_iterations": 0, "smoothing": 1.0},),
        static=("pixel_ndim", "num_iterations"),
        bad_hypers=(
            {"pixel_ndim": 0},
            {"pixel_ndim": 2, "num_iterations": -1},
            {"pixel_ndim": 2, "smoothing": 0.0},
            {"pixel_ndim": 9},
        ),
        illegal={"probs": (-0.1, 1.5), "targets": (-0.1, 1.5)},
        boolean=True,
        structures={"one row": _masks(1, 6)},
        extremes={
            "bits": {"probs": np.stack([BAR, BAR, 0 * BAR]), "targets": np.stack([BAR, 0 * BAR, BAR])},
            "nothing": {"probs": np.stack([0 * BAR, 0 * BAR + 1]), "targets": np.stack([0 * BAR, 0 * BAR + 1])},
        },
    ),
]
