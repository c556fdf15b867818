"""Cases of `jaxloss.vision.depth_and_motion.aligned_depth`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._depth import BAD_PIXELS, each_map


def ssi(predictions, targets, pixel_ndim=1):
    """Half the mean squared error of `numpy.linalg.lstsq`."""
    assert pixel_ndim == 1

    def one(x, y):
        columns = np.stack([x, np.ones_like(x)], -1)
        fit = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
        return 0.5 * np.mean((fit - y) ** 2)

    return each_map(one, predictions, targets)


def related(rng, batch):
    """Maps that are wrong by a negative factor, a shift and noise."""
    targets = rng.normal(size=batch)
    return {"predictions": 3.0 - 2.0 * targets + rng.normal(size=batch), "targets": targets}


HELPERS = {"align_scale_and_shift": "moves depth maps in front of a loss; it has no reduction"}

CASES = [
    Case(
        fn=jaxloss.scale_and_shift_invariant_loss,
        draw=related,
        oracle=ssi,
        source="numpy.linalg.lstsq",
        hypers={"pixel_ndim": 1},
        static=("pixel_ndim",),
        bad_hypers=BAD_PIXELS,
        pooled=True,
        perfect=draws.equal_pair(),
        extremes={
            "constant": {"predictions": np.full(3, 0.3), "targets": np.array([1.0, 2.0, 4.0])},
            "constant targets": {"predictions": np.array([1.0, 2.0, 4.0]), "targets": np.full(3, 0.3)},
            "both constant": {"predictions": np.full(3, 0.3), "targets": np.full(3, 0.7)},
            "black": {"predictions": np.zeros(3), "targets": np.zeros(3)},
            "large and small": {"predictions": np.array([1e37, -1e37, 0.0]), "targets": np.array([0.0, 1e-30, 2e-30])},
            "large": {"predictions": np.array([1.0, 0.0, 2.0]), "targets": np.array([1e18, -1e18, 0.0])},
        },
        translates=(("predictions",), ("targets",)),
    ),
]
