"""Draws and oracles that several modules of Cases of `jaxloss.regression` share."""

from __future__ import annotations

import numpy as np

HUGE = {
    "predictions": np.array([1e38, -1e38, 1e-30, 0.0, 1e19, 1.0]),
    "targets": np.array([0.0, 0.0, 0.0, 1e-30, -1e19, 1.0]),
}
# Residuals whose square stays below the top of float32.
LARGE = {
    "predictions": np.array([1e18, -1e18, 1e-30, 0.0, 1.0]),
    "targets": np.array([-1e18, 1e18, 0.0, 1e-30, 1.0]),
}
EDGES = {"huge": HUGE, "large": LARGE}
TOP = {"predictions": np.array([3e38, -3e38, 0.0]), "targets": np.array([-3e38, 1e38, 3e38])}
TINY = {"predictions": np.array([1e-30, -1e-30, 3e-20]), "targets": np.array([1e-30, 1e-30, 1e-20])}
ZEROS = {"predictions": np.zeros(3), "targets": np.zeros(3)}
ZERO_TARGETS = {"predictions": np.array([1.0, -2.0, 0.0]), "targets": np.zeros(3)}


def single(metric):
    """A scikit-learn metric of one number."""
    each = np.vectorize(lambda p, t: metric([t], [p]), otypes=[float])
    return lambda predictions, targets: each(predictions, targets)


def rows(metric):
    """A metric ``(targets, predictions)`` of one series, applied to every series of the last axis."""
    return lambda predictions, targets: np.apply_along_axis(
        lambda both: metric(*np.split(both, 2)), -1, np.concatenate([targets, predictions], axis=-1)
    )
