"""Cases of `jaxloss.regression.logarithmic`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._packages import sklearn_metric
from tests.cases.regression._shared import ZEROS, rows, single


def _amounts(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Positive numbers over several orders of magnitude, as logarithmic errors expect."""
    return {"predictions": np.exp(2 * rng.normal(size=batch)), "targets": np.exp(2 * rng.normal(size=batch))}


def _equal_amounts(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.exp(2 * rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


CASES = [
    Case(
        fn=jaxloss.mean_squared_log_error,
        draw=_amounts,
        oracle=single(sklearn_metric("mean_squared_log_error")),
        source="sklearn.metrics.mean_squared_log_error",
        perfect=_equal_amounts,
        extremes={
            "zeros": ZEROS,
            "top": {"predictions": np.array([3e38, 0.0, 1e38]), "targets": np.array([-0.9999999, 3e38, 3e38])},
        },
        illegal={"predictions": (-1.0, -2.5), "targets": (-1.0, -2.5)},
    ),
    Case(
        fn=jaxloss.root_mean_squared_log_error,
        draw=_amounts,
        oracle=rows(sklearn_metric("root_mean_squared_log_error")),
        source="sklearn.metrics.root_mean_squared_log_error",
        pooled=True,
        perfect=_equal_amounts,
        extremes={
            "zeros": ZEROS,
            "top": {"predictions": np.array([3e38, 0.0, 1e38]), "targets": np.array([-0.9999999, 3e38, 3e38])},
        },
        illegal={"predictions": (-1.0, -2.5), "targets": (-1.0, -2.5)},
    ),
]
