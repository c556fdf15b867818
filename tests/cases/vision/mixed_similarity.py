"""Cases of `jaxloss.vision.restoration.mixed_similarity`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import CONSTANTS, WINDOW, each_image, equal, gaussian, similar, ssim_maps


def mixed(
    predictions,
    targets,
    data_range,
    ssim_weight=0.84,
    sigmas=(0.5, 1.0, 2.0, 4.0, 8.0),
    window_size=33,
    k1=0.01,
    k2=0.03,
):
    def channel(x, y):
        similarity = 1.0
        for sigma in sigmas:
            luminance, contrast = ssim_maps(x, y, data_range, window_size, sigma, k1, k2)
            similarity = similarity * contrast
        inside = tuple(slice(window_size // 2, n - (window_size - 1) // 2) for n in x.shape)
        error = scipy.ndimage.correlate(np.abs(x - y), gaussian(window_size, sigmas[-1]), mode="constant")[inside]
        return np.mean(ssim_weight * (1 - luminance * similarity) + (1 - ssim_weight) * error / data_range)

    one = lambda x, y: np.mean([channel(x[..., c], y[..., c]) for c in range(x.shape[-1])])
    return each_image(one, (predictions, targets))


HYPERS = {
    "data_range": WINDOW["data_range"],
    "ssim_weight": 0.625,
    "sigmas": np.array([0.5, 1.25]),
    "window_size": 3,
    "k1": WINDOW["k1"],
    "k2": WINDOW["k2"],
}

CASES = [
    Case(
        fn=jaxloss.ms_ssim_l1_loss,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(4, 5),
        oracle=mixed,
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=HYPERS,
        ends=({**HYPERS, "ssim_weight": 0.0}, {**HYPERS, "ssim_weight": 1.0}),
        structures={"one window": similar(3, 3, 1), "one row of windows": similar(3, 6, 3)},
        static=("window_size",),
        bad_hypers=(
            {"data_range": 0.0},
            {"window_size": 0},
            {"window_size": 30},
            {"ssim_weight": 1.5},
            {"sigmas": np.array([1.0, 0.0])},
            {"sigmas": np.ones((1, 2))},
            {"sigmas": ()},
            {"k1": 0.0},
            {"k2": -1.0},
        ),
        perfect=equal(4, 5),
        extremes={name: pair for name, pair in CONSTANTS.items() if not name.startswith("top")},
    ),
]
