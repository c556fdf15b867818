"""Cases of `jaxloss.vision.restoration.image_edges`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests.cases import Case
from tests.cases.vision._images import EDGES, each_image, equal, similar


def gradient_difference(predictions, targets, exponent=1.0):
    def one(x, y):
        total = 0.0
        for axis in (0, 1):
            if x.shape[axis] > 1:
                a, b = (np.abs(np.diff(image, axis=axis)) for image in (x, y))
                total += np.mean(np.abs(a - b) ** exponent)
        return total

    return each_image(one, (predictions, targets))


def _edges(filters):
    """The Charbonnier error of filtered images, without the border; ``filters`` of one channel."""

    def oracle(predictions, targets, epsilon=1e-3):
        def one(x, y):
            maps = [
                np.hypot((f(x[..., c]) - f(y[..., c]))[1:-1, 1:-1], epsilon)
                for f in filters
                for c in range(x.shape[-1])
            ]
            return np.mean(maps) * len(filters)

        return each_image(one, (predictions, targets))

    return oracle


def _sobel(axis):
    return lambda image: scipy.ndimage.sobel(image, axis) / 8


SOBEL = [_sobel(0), _sobel(1)]
BAD = ({"epsilon": 0.0}, {"epsilon": -1.0})

CASES = [
    Case(
        fn=jaxloss.gradient_difference_loss,
        draw=similar(3, 4),
        oracle=gradient_difference,
        source="formula of the paper by numpy.diff",
        hypers={"exponent": 1.75},
        ends=({"exponent": 1.0},),
        bad_hypers=({"exponent": 0.5},),
        perfect=equal(3, 4),
        structures={"one row": similar(1, 4, 1), "one pixel": similar(1, 1, 3)},
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.laplacian_edge_loss,
        draw=similar(4, 5),
        oracle=_edges([scipy.ndimage.laplace]),
        source="scipy.ndimage.laplace",
        hypers={"epsilon": 0.5},
        bad_hypers=BAD,
        bound=0.99e-3,
        convex=True,
        structures={"one window": similar(3, 3, 1)},
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.sobel_edge_loss,
        draw=similar(4, 5),
        oracle=_edges(SOBEL),
        source="scipy.ndimage.sobel",
        hypers={"epsilon": 0.5},
        bad_hypers=BAD,
        bound=1.99e-3,
        convex=True,
        structures={"one window": similar(3, 3, 1)},
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
]
