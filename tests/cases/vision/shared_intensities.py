"""Cases of `jaxloss.vision.depth_and_motion.shared_intensities`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


def _images(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {name: rng.uniform(0.02, 0.68, batch) for name in ("predictions", "targets")}


def mutual_information(predictions, targets, pixel_ndim, num_bins=23, bandwidth=0.5, data_range=1.0):
    """Bin by bin, of the joint histogram of one image."""

    def windows(x):
        raw = [np.exp(-0.5 * ((x / data_range * (num_bins - 1) - k) / bandwidth) ** 2) for k in range(num_bins)]
        return np.array(raw) / np.sum(raw, axis=0)

    values = np.zeros(predictions.shape[: predictions.ndim - pixel_ndim])
    for i in np.ndindex(values.shape):
        first, second = windows(predictions[i].ravel()), windows(targets[i].ravel())
        for a in first:
            for b in second:
                p = np.mean(a * b)
                values[i] -= p * np.log(p / (np.mean(a) * np.mean(b)))
    return values


STEPS = np.linspace(0.0, 1.0, 6)
HYPERS = {"pixel_ndim": 1, "num_bins": 4, "bandwidth": 0.6, "data_range": 0.7}

CASES = [
    Case(
        fn=jaxloss.mutual_information_loss,
        draw=_images,
        oracle=mutual_information,
        source="formula, bin by bin",
        hypers=HYPERS,
        static=("pixel_ndim", "num_bins"),
        bad_hypers=(
            {"pixel_ndim": 0},
            {"pixel_ndim": 2},
            {"num_bins": 1},
            {"bandwidth": 0.0},
            {"data_range": 0.0},
        ),
        pooled=True,
        bound=-np.log(23),
        extremes={
            "constant": {"predictions": np.zeros(6), "targets": np.ones(6)},
            "one constant": {"predictions": STEPS, "targets": 0 * STEPS + 0.3},
            "equal": {"predictions": STEPS, "targets": STEPS.copy()},
            "outside": {"predictions": 1e30 * (STEPS - 0.5), "targets": STEPS},
        },
    ),
]
