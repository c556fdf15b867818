"""Cases of `jaxloss.regression.percentage`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases._packages import sklearn_metric
from tests.cases.regression._shared import TINY, TOP, ZERO_TARGETS, ZEROS, rows, single

CASES = [
    Case(
        fn=jaxloss.mean_absolute_percentage_error,
        draw=draws.pair(),
        oracle=lambda predictions, targets, epsilon=1e-6: (
            # scikit-learn's floor is float64's eps; a target below ours is moved up to it with its error.
            single(sklearn_metric("mean_absolute_percentage_error"))(
                predictions - targets + np.maximum(abs(targets), epsilon), np.maximum(abs(targets), epsilon)
            )
        ),
        source="sklearn.metrics.mean_absolute_percentage_error",
        hypers={"epsilon": 0.5},
        bad_hypers=({"epsilon": 0.0}, {"epsilon": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "zero targets": ZERO_TARGETS},
    ),
    Case(
        fn=jaxloss.symmetric_mape,
        draw=draws.pair(),
        oracle=lambda predictions, targets: abs(predictions - targets) / np.mean([abs(predictions), abs(targets)], 0),
        source="formula",
        perfect=draws.equal_pair(),
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "zero targets": ZERO_TARGETS},
    ),
    Case(
        fn=jaxloss.weighted_ape,
        draw=draws.pair(),
        oracle=rows(lambda t, p: sklearn_metric("mean_absolute_error")(t, p) / np.mean(abs(t))),
        source="sklearn.metrics.mean_absolute_error over the mean absolute target",
        pooled=True,
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "zero targets": ZERO_TARGETS},
    ),
]
