"""Cases of `jaxloss.vision.image_quality.signal_to_noise`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import CONSTANTS, each_image, similar


def psnr_oracle(predictions, targets, data_range, epsilon=1e-10):
    def one(x, y):
        error = np.mean((x - y) ** 2) / data_range**2
        tangent = np.log(epsilon) + (error - epsilon) / epsilon
        return -10 * (np.log10(error) if error >= epsilon else tangent / np.log(10))

    return each_image(one, (predictions, targets))


CASES = [
    Case(
        fn=jaxloss.psnr,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(2, 3),
        oracle=psnr_oracle,
        source="formula",
        hypers={"data_range": 1.25, "epsilon": 1e-3},
        ends=({"data_range": 1.25, "epsilon": 1.0},),
        structures={"one number": similar(1, 1, 1)},
        bad_hypers=({"data_range": 0.0}, {"epsilon": 0.0}, {"epsilon": 1.5}),
        bound=None,
        extremes=CONSTANTS,
        cancels="decibels pass through 0 where the error equals data_range",
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.psnr_loss,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=similar(2, 3),
        oracle=lambda *args, **kwargs: -psnr_oracle(*args, **kwargs),
        source="formula",
        hypers={"data_range": 1.25, "epsilon": 1e-3},
        ends=({"data_range": 1.25, "epsilon": 1.0},),
        structures={"one number": similar(1, 1, 1)},
        bad_hypers=({"data_range": 0.0}, {"epsilon": 0.0}, {"epsilon": 1.5}),
        bound=None,
        extremes=CONSTANTS,
        cancels="decibels pass through 0 where the error equals data_range",
        translates=(("predictions", "targets"),),
    ),
]
