"""Cases of `jaxloss.vision.image_quality.gradient_similarity`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import each_image, equal, similar


def gmsd(predictions, targets, data_range, stability=0.0026):
    constant = stability * data_range**2

    def magnitude(image):
        h, w = (n // 2 * 2 for n in image.shape)
        half = sum(image[a:h:2, b:w:2] for a in (0, 1) for b in (0, 1)) / 4
        return np.hypot(*(scipy.ndimage.prewitt(half, axis)[1:-1, 1:-1] / 3 for axis in (0, 1)))

    def channel(x, y):
        a, b = magnitude(x), magnitude(y)
        return np.std((2 * a * b + constant) / (a**2 + b**2 + constant))

    one = lambda x, y: np.mean([channel(x[..., c], y[..., c]) for c in range(x.shape[-1])])
    return each_image(one, (predictions, targets))


def pattern(fn):
    """Images of eight by eight pixels from numbers that count them."""
    pair = fn(np.arange(64.0).reshape(1, 8, 8, 1))
    return dict(zip(("predictions", "targets"), pair, strict=True))


CASES = [
    Case(
        fn=jaxloss.gmsd_loss,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(9, 8),
        oracle=gmsd,
        source="the formula of the paper by scipy.ndimage.prewitt",
        hypers={"data_range": 1.25, "stability": 0.02},
        bad_hypers=({"data_range": 0.0}, {"stability": 0.0}),
        perfect=equal(8, 8),
        structures={"one row of windows": similar(6, 10, 1)},
        ulps=12.0,  # magnitudes are compared by an inner product of slopes, whose terms cancel
        extremes={
            "flat": pattern(lambda t: (0 * t + 0.3, 0 * t + 0.7)),
            "black": pattern(lambda t: (0 * t, 0 * t)),
            "one flat": pattern(lambda t: (0 * t, t % 2)),
            "opposite": pattern(lambda t: (t / 64, 1 - t / 64)),
            "large": pattern(lambda t: (1e36 * np.sin(t), np.cos(t) / 2)),
        },
        translates=(("predictions", "targets"),),
    ),
]
