"""Cases of `jaxloss.vision.image_quality.multi_scale_similarity`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import BAD_WINDOW, CONSTANTS, WINDOW, each_image, equal, similar, ssim_maps


def ms_ssim_oracle(
    predictions,
    targets,
    data_range,
    scale_weights=(0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    window_size=11,
    sigma=1.5,
    k1=0.01,
    k2=0.03,
):
    def channel(x, y):
        product = 1.0
        for scale, exponent in enumerate(scale_weights):
            if scale:
                h, w = (n // 2 * 2 for n in x.shape)
                x, y = (sum(i[a:h:2, b:w:2] for a in (0, 1) for b in (0, 1)) / 4 for i in (x, y))
            luminance, contrast = ssim_maps(x, y, data_range, window_size, sigma, k1, k2)
            factor = luminance * contrast if scale == len(scale_weights) - 1 else contrast
            product *= max(factor.mean(), 0.0) ** exponent
        return product

    one = lambda x, y: np.mean([channel(x[..., c], y[..., c]) for c in range(x.shape[-1])])
    return each_image(one, (predictions, targets))


BAD_SCALES = ({"scale_weights": np.array([-1.0, 1.0])}, {"scale_weights": np.ones((1, 2))}, {"scale_weights": ()})
SCALES = {**WINDOW, "scale_weights": np.array([0.25, 0.75])}
FINEST, COARSEST = ({**SCALES, "scale_weights": np.array(exponents)} for exponents in ([0.5, 0.0], [0.0, 0.5]))

CASES = [
    Case(
        fn=jaxloss.ms_ssim,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(7, 6),
        oracle=ms_ssim_oracle,
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=SCALES,
        ends=(FINEST, COARSEST),
        structures={"one window": similar(6, 6, 1), "one row of windows": similar(6, 9, 1)},
        static=("window_size",),
        bad_hypers=BAD_WINDOW + BAD_SCALES,
        perfect=equal(7, 6),
        best=1.0,
        extremes=CONSTANTS,
        cancels="the index is given as 1 less the loss, which does not cancel",
    ),
    Case(
        fn=jaxloss.ms_ssim_loss,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(7, 6),
        oracle=lambda *args, **kwargs: 1 - ms_ssim_oracle(*args, **kwargs),
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=SCALES,
        ends=(FINEST, COARSEST),
        structures={"one window": similar(6, 6, 1), "one row of windows": similar(6, 9, 1)},
        static=("window_size",),
        bad_hypers=BAD_WINDOW + BAD_SCALES,
        perfect=equal(7, 6),
        extremes=CONSTANTS,
    ),
]
