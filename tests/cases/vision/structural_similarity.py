"""Cases of `jaxloss.vision.image_quality.structural_similarity`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import BAD_WINDOW, CONSTANTS, WINDOW, each_image, equal, similar, ssim_maps


def ssim_oracle(predictions, targets, data_range, window_size=11, sigma=1.5, k1=0.01, k2=0.03):
    def one(x, y):
        maps = [ssim_maps(x[..., c], y[..., c], data_range, window_size, sigma, k1, k2) for c in range(x.shape[-1])]
        return np.mean([luminance * contrast for luminance, contrast in maps])

    return each_image(one, (predictions, targets))


CASES = [
    Case(
        fn=jaxloss.ssim,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(4, 5),
        oracle=ssim_oracle,
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=WINDOW,
        ends=({**WINDOW, "window_size": 1},),
        structures={"one window": similar(3, 3, 1), "one row of windows": similar(3, 6, 3)},
        static=("window_size",),
        bad_hypers=BAD_WINDOW,
        bound=-1.0,
        perfect=equal(4, 5),
        best=1.0,
        extremes=CONSTANTS,
        cancels="the index is a sum of terms of either sign, given as 1 less the loss, which does not cancel",
    ),
    Case(
        fn=jaxloss.ssim_loss,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(4, 5),
        oracle=lambda *args, **kwargs: 1 - ssim_oracle(*args, **kwargs),
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=WINDOW,
        ends=({**WINDOW, "window_size": 1},),
        structures={"one window": similar(3, 3, 1), "one row of windows": similar(3, 6, 3)},
        static=("window_size",),
        bad_hypers=BAD_WINDOW,
        perfect=equal(4, 5),
        extremes=CONSTANTS,
    ),
]
