"""Cases of `jaxloss.vision.restoration.pyramids`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests.cases import Case
from tests.cases.vision._images import EDGES, each_image, equal, similar

FILTER = np.array([1, 4, 6, 4, 1]) / 16


def _blur(x):
    for axis in (0, 1):
        x = scipy.ndimage.convolve1d(x, FILTER, axis, mode="mirror")
    return x


def bands(x, levels):
    found = []
    for _ in range(levels):
        coarse = _blur(x)[::2, ::2]
        spread = np.zeros_like(x)
        spread[::2, ::2] = coarse
        found.append(x - 4 * _blur(spread))
        x = coarse
    return [*found, x]


def pyramid(predictions, targets, levels=3):
    def one(x, y):
        return sum(np.abs(a - b).mean() for a, b in zip(bands(x, levels), bands(y, levels), strict=True))

    return each_image(one, (predictions, targets))


CASES = [
    Case(
        fn=jaxloss.laplacian_pyramid_loss,
        draw=similar(8, 9),
        oracle=pyramid,
        source="the pyramid of Burt and Adelson by scipy.ndimage",
        hypers={"levels": 2},
        static=("levels",),
        bad_hypers=({"levels": 0}, {"levels": 1.0}, {"levels": 4}),
        perfect=equal(8, 9),
        convex=True,
        structures={"odd": similar(9, 11, 1), "smallest": similar(4, 4, 1)},
        extremes={name: {k: np.tile(x, (1, 2, 2, 1)) for k, x in pair.items()} for name, pair in EDGES.items()},
        translates=(("predictions", "targets"),),
    ),
]
