"""Cases of `jaxloss.vision.restoration.frequencies`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.vision._images import EDGES, each_image, equal, similar


def _spectrum(x, y):
    return np.fft.fft2(x, axes=(0, 1), norm="ortho") - np.fft.fft2(y, axes=(0, 1), norm="ortho")


def _focus(gap, exponent):
    size = np.abs(gap)
    return np.divide(size, size.max((0, 1)), out=np.zeros_like(size), where=size.max((0, 1)) > 0) ** exponent


def focal(predictions, targets, exponent=1.0):
    def one(x, y):
        gap = _spectrum(x, y)
        return np.mean(_focus(gap, exponent) * np.abs(gap) ** 2)

    return each_image(one, (predictions, targets))


def focal_slopes(predictions, targets, exponent=1.0):
    """With the weights held fixed."""

    def one(x, y):
        gap = _spectrum(x, y)
        return 2 * np.fft.ifft2(_focus(gap, exponent) * gap, axes=(0, 1), norm="ortho").real / gap.size

    images = [x.reshape(-1, *x.shape[-3:]) for x in (predictions, targets)]
    slope = np.reshape([one(*pair) for pair in zip(*images, strict=True)], predictions.shape)
    return {"predictions": slope, "targets": -slope}


CASES = [
    Case(
        fn=jaxloss.focal_frequency_loss,
        draw=similar(3, 4),
        oracle=focal,
        slopes=focal_slopes,
        source="formula of the paper by numpy.fft",
        hypers={"exponent": 1.75},
        ends=({"exponent": 0.0},),
        bad_hypers=({"exponent": -0.5},),
        constant={"exponent": "the weights are constants of differentiation"},
        exempt={"derivatives": "the weights of frequencies are constants of differentiation, as in the paper"},
        perfect=equal(3, 4),
        structures={"odd": similar(4, 5, 1), "one row": similar(1, 4, 1), "one pixel": similar(1, 1, 3)},
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.fourier_absolute_error,
        draw=similar(3, 4),
        oracle=lambda predictions, targets: each_image(
            lambda x, y: np.mean(np.abs(_spectrum(x, y))), (predictions, targets)
        ),
        source="formula by numpy.fft",
        perfect=equal(3, 4),
        convex=True,
        structures={"odd": similar(4, 5, 1), "one row": similar(1, 4, 1), "one pixel": similar(1, 1, 3)},
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
]
