"""Cases of `jaxloss.regression.scaled`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases._packages import sklearn_metric
from tests.cases.regression._shared import TINY, TOP, ZERO_TARGETS, ZEROS, rows


def _series(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**draws.pair()(rng, batch), "history": np.cumsum(rng.normal(size=(*batch[:-1], 11)), axis=-1)}


def _forecast_right(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**draws.equal_pair()(rng, batch), "history": rng.normal(size=(*batch[:-1], 11))}


def _mase(predictions, targets, history, seasonality=1):
    naive = [abs(history[..., t] - history[..., t - seasonality]) for t in range(seasonality, history.shape[-1])]
    return sklearn_metric("mean_absolute_error")(
        np.moveaxis(targets, -1, 0).reshape(targets.shape[-1], -1),
        np.moveaxis(predictions, -1, 0).reshape(targets.shape[-1], -1),
        multioutput="raw_values",
    ).reshape(targets.shape[:-1]) / np.mean(naive, axis=0)


CASES = [
    Case(
        fn=jaxloss.mean_absolute_scaled_error,
        draw=_series,
        oracle=_mase,
        source="sklearn.metrics.mean_absolute_error over the naive error of the paper",
        hypers={"seasonality": 3},
        static=("seasonality",),
        bad_hypers=({"seasonality": 0}, {"seasonality": 11}),
        pooled=True,
        single="a forecast may look one step ahead, and its scale is that of the history",
        shared=("history",),
        perfect=_forecast_right,
        convex=True,
        extremes={
            "top": {**TOP, "history": np.array([3e38, -3e38, 1e38, 0.0, 2e38])},
            "constant history": {**ZERO_TARGETS, "history": np.full(5, 0.1)},
        },
        exempt={
            "says_where_its_examples_are": "a pool is the horizon of one series",
            "vmap_and_scan_equal_a_loop": (
                "history has batch axes but no pooled one, so it is neither shared nor batched as that law has it; "
                "tests/test_forecast.py holds the law for it"
            ),
        },
        structures={
            "short history": lambda rng, batch: {**_series(rng, batch), "history": rng.normal(size=(*batch[:-1], 4))}
        },
        translates=(("history",), ("predictions", "targets")),
    ),
    Case(
        fn=jaxloss.relative_l2_error,
        draw=draws.pair(),
        oracle=rows(lambda t, p: np.linalg.norm(p - t) / np.linalg.norm(t)),
        source="numpy.linalg.norm",
        pooled=True,
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "zero targets": ZERO_TARGETS},
    ),
]
