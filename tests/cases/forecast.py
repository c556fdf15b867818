"""Cases of relative, logarithmic and scaled errors, and of losses of direction and agreement."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.stats
import sklearn.metrics

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

TOP = {"predictions": np.array([3e38, -3e38, 0.0]), "targets": np.array([-3e38, 1e38, 3e38])}
TINY = {"predictions": np.array([1e-30, -1e-30, 3e-20]), "targets": np.array([1e-30, 1e-30, 1e-20])}
ZEROS = {"predictions": np.zeros(3), "targets": np.zeros(3)}
ZERO_TARGETS = {"predictions": np.array([1.0, -2.0, 0.0]), "targets": np.zeros(3)}
VECTORS = {
    name: {n: x[None] for n, x in edge.items()}
    for name, edge in {"top": TOP, "tiny": TINY, "zeros": ZEROS, "zero target": ZERO_TARGETS}.items()
}
CONSTANT = {"predictions": np.full(7, 0.1), "targets": np.arange(7.0)}
BOTH_CONSTANT = {"predictions": np.full(7, 0.1), "targets": np.full(7, 0.3)}


def _single(metric):
    """A scikit-learn metric of one number."""
    each = np.vectorize(lambda p, t: metric([t], [p]), otypes=[float])
    return lambda predictions, targets: each(predictions, targets)


def _rows(metric):
    """A metric ``(targets, predictions)`` of one series, applied to every series of the last axis."""
    return lambda predictions, targets: np.apply_along_axis(
        lambda both: metric(*np.split(both, 2)), -1, np.concatenate([targets, predictions], axis=-1)
    )


def _amounts(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Positive numbers over several orders of magnitude, as logarithmic errors expect."""
    return {"predictions": np.exp(2 * rng.normal(size=batch)), "targets": np.exp(2 * rng.normal(size=batch))}


def _equal_amounts(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.exp(2 * rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


def _series(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**draws.pair()(rng, batch), "history": np.cumsum(rng.normal(size=(*batch[:-1], 11)), axis=-1)}


def _forecast_right(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**draws.equal_pair()(rng, batch), "history": rng.normal(size=(*batch[:-1], 11))}


def _mase(predictions, targets, history, seasonality=1):
    naive = [abs(history[..., t] - history[..., t - seasonality]) for t in range(seasonality, history.shape[-1])]
    return sklearn.metrics.mean_absolute_error(
        np.moveaxis(targets, -1, 0).reshape(targets.shape[-1], -1),
        np.moveaxis(predictions, -1, 0).reshape(targets.shape[-1], -1),
        multioutput="raw_values",
    ).reshape(targets.shape[:-1]) / np.mean(naive, axis=0)


def _vectors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.pair()(rng, (*batch, 6))


def _equal_vectors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair()(rng, (*batch, 6))


def _cosine(predictions, targets):
    pairs = zip(predictions.reshape(-1, 6), targets.reshape(-1, 6), strict=True)
    return np.array([scipy.spatial.distance.cosine(p, t) for p, t in pairs]).reshape(predictions.shape[:-1])


def _concordance(targets, predictions):
    (vx, c), (_, vy) = np.cov(predictions, targets, bias=True)
    return 1 - 2 * c / (vx + vy + (predictions.mean() - targets.mean()) ** 2)


CASES = [
    Case(
        fn=jaxloss.mean_absolute_percentage_error,
        draw=draws.pair(),
        oracle=lambda predictions, targets, epsilon=1e-6: (
            # scikit-learn's floor is float64's eps; a target below ours is moved up to it with its error.
            _single(sklearn.metrics.mean_absolute_percentage_error)(
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
        oracle=_rows(lambda t, p: sklearn.metrics.mean_absolute_error(t, p) / np.mean(abs(t))),
        source="sklearn.metrics.mean_absolute_error over the mean absolute target",
        pooled=True,
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "zero targets": ZERO_TARGETS},
    ),
    Case(
        fn=jaxloss.mean_squared_log_error,
        draw=_amounts,
        oracle=_single(sklearn.metrics.mean_squared_log_error),
        source="sklearn.metrics.mean_squared_log_error",
        perfect=_equal_amounts,
        extremes={
            "zeros": ZEROS,
            "top": {"predictions": np.array([3e38, 0.0, 1e38]), "targets": np.array([-0.9999999, 3e38, 3e38])},
        },
    ),
    Case(
        fn=jaxloss.root_mean_squared_log_error,
        draw=_amounts,
        oracle=_rows(sklearn.metrics.root_mean_squared_log_error),
        source="sklearn.metrics.root_mean_squared_log_error",
        pooled=True,
        perfect=_equal_amounts,
        extremes={
            "zeros": ZEROS,
            "top": {"predictions": np.array([3e38, 0.0, 1e38]), "targets": np.array([-0.9999999, 3e38, 3e38])},
        },
    ),
    Case(
        fn=jaxloss.mean_absolute_scaled_error,
        draw=_series,
        oracle=_mase,
        source="sklearn.metrics.mean_absolute_error over the naive error of the paper",
        hypers={"seasonality": 3},
        static=("seasonality",),
        bad_hypers=({"seasonality": 0}, {"seasonality": 11}),
        pooled=True,
        shared=("history",),
        perfect=_forecast_right,
        convex=True,
        extremes={
            "top": {**TOP, "history": np.array([3e38, -3e38, 1e38, 0.0, 2e38])},
            "constant history": {**ZERO_TARGETS, "history": np.full(5, 0.1)},
        },
        exempt={
            "vmap_and_scan_equal_a_loop": (
                "history has batch axes but no pooled one, so it is neither shared nor batched as that law has it; "
                "tests/test_forecast.py holds the law for it"
            )
        },
    ),
    Case(
        fn=jaxloss.relative_l2_error,
        draw=draws.pair(),
        oracle=_rows(lambda t, p: np.linalg.norm(p - t) / np.linalg.norm(t)),
        source="numpy.linalg.norm",
        pooled=True,
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "zero targets": ZERO_TARGETS},
    ),
    Case(
        fn=jaxloss.cosine_distance,
        draw=_vectors,
        oracle=_cosine,
        source="scipy.spatial.distance.cosine",
        perfect=_equal_vectors,
        extremes=VECTORS,
    ),
    Case(
        fn=jaxloss.pearson_correlation_loss,
        draw=draws.pair(),
        oracle=_rows(lambda t, p: 1 - scipy.stats.pearsonr(p, t).statistic),
        source="scipy.stats.pearsonr",
        pooled=True,
        perfect=draws.equal_pair(),
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "constant": CONSTANT, "both constant": BOTH_CONSTANT},
    ),
    Case(
        fn=jaxloss.concordance_correlation_loss,
        draw=draws.pair(),
        oracle=_rows(_concordance),
        source="numpy.cov in the formula of the paper",
        pooled=True,
        perfect=draws.equal_pair(),
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "constant": CONSTANT, "both constant": BOTH_CONSTANT},
    ),
]
