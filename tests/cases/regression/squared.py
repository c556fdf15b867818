"""Cases of `jaxloss.regression.squared`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases._packages import sklearn_metric

LARGE = {"predictions": np.array([1e18, -1e18, 0.0]), "targets": np.array([-1e18, 1e18, 1e-30])}


def rows(metric):
    """A scikit-learn metric of one series, applied to every series of the last axis."""
    return lambda predictions, targets: np.apply_along_axis(
        lambda both: metric(*np.split(both, 2)), -1, np.concatenate([targets, predictions], axis=-1)
    )


CASES = [
    Case(
        fn=jaxloss.squared_error,
        draw=draws.pair(),
        oracle=lambda predictions, targets: np.vectorize(
            lambda p, t: sklearn_metric("mean_squared_error")([t], [p]), otypes=[float]
        )(predictions, targets),
        source="sklearn.metrics.mean_squared_error",
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"large": LARGE},
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.half_squared_error,
        draw=draws.pair(),
        oracle=lambda predictions, targets: 0.5 * (predictions - targets) ** 2,
        source="formula",
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"large": LARGE},
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.root_mean_squared_error,
        draw=draws.pair(),
        oracle=rows(sklearn_metric("root_mean_squared_error")),
        source="sklearn.metrics.root_mean_squared_error",
        pooled=True,
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"large": {k: v * 1e12 for k, v in LARGE.items()}},
        translates=(("predictions", "targets"),),
    ),
]
