"""Cases of the absolute, robust and quantile losses of `jaxloss.regression`."""

from __future__ import annotations

import numpy as np
import scipy.special
import sklearn.metrics

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

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
LEVELS = np.array([0.05, 0.3, 0.5, 0.75, 0.95])


def _barron(predictions: np.ndarray, targets: np.ndarray, alpha: float = 1.0, scale: float = 1.0) -> np.ndarray:
    gap = abs(alpha - 2)
    return gap / alpha * ((((predictions - targets) / scale) ** 2 / gap + 1) ** (alpha / 2) - 1)


def _berhu(predictions: np.ndarray, targets: np.ndarray, threshold: float = 1.0) -> np.ndarray:
    distance = np.abs(predictions - targets)
    return np.where(distance <= threshold, distance, (distance**2 + threshold**2) / (2 * threshold))


def _smooth_l1(predictions: np.ndarray, targets: np.ndarray, beta: float = 1.0) -> np.ndarray:
    return scipy.special.huber(beta, predictions - targets) / beta


def _tukey(predictions: np.ndarray, targets: np.ndarray, scale: float = 4.685) -> np.ndarray:
    u = (predictions - targets) / scale
    return np.where(np.abs(u) <= 1, scale**2 / 6 * (1 - (1 - u**2) ** 3), scale**2 / 6)


def _pinball(predictions: np.ndarray, targets: np.ndarray, quantile: float = 0.5) -> np.ndarray:
    return np.vectorize(lambda p, t: sklearn.metrics.mean_pinball_loss([t], [p], alpha=quantile), otypes=[float])(
        predictions, targets
    )


def _expectile(predictions: np.ndarray, targets: np.ndarray, expectile: float = 0.5) -> np.ndarray:
    residual = targets - predictions
    return np.abs(expectile - (residual < 0)) * residual**2


def _huber_quantile(
    predictions: np.ndarray, targets: np.ndarray, quantile: float = 0.5, delta: float = 1.0
) -> np.ndarray:
    residual = targets - predictions
    return np.abs(quantile - (residual < 0)) * scipy.special.huber(delta, residual) / delta


def _quantile_predictions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "predictions": 2 * rng.normal(size=(*batch, len(LEVELS))),
        "targets": 2 * rng.normal(size=batch),
        "levels": LEVELS,
    }


def _certain_predictions(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=batch)
    return {"predictions": np.repeat(targets[..., None], len(LEVELS), -1), "targets": targets, "levels": LEVELS}


CASES = [
    Case(
        fn=jaxloss.absolute_error,
        draw=draws.pair(),
        oracle=lambda predictions, targets: np.vectorize(
            lambda p, t: sklearn.metrics.mean_absolute_error([t], [p]), otypes=[float]
        )(predictions, targets),
        source="sklearn.metrics.mean_absolute_error",
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.epsilon_insensitive_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, epsilon=0.1: np.maximum(0, np.abs(predictions - targets) - epsilon),
        source="formula",
        hypers={"epsilon": 0.5},
        bad_hypers=({"epsilon": -0.1},),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        cancels="errors just outside of the tube are a difference of the error and its half-width",
    ),
    Case(
        fn=jaxloss.berhu_loss,
        draw=draws.pair(),
        oracle=_berhu,
        source="Laina et al. (2016), equation 2",
        hypers={"threshold": 1.75},
        bad_hypers=({"threshold": 0.0}, {"threshold": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"large": LARGE},
    ),
    Case(
        fn=jaxloss.huber_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, delta=1.0: scipy.special.huber(delta, predictions - targets),
        source="scipy.special.huber",
        hypers={"delta": 1.75},
        bad_hypers=({"delta": 0.0}, {"delta": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.smooth_l1_loss,
        draw=draws.pair(),
        oracle=_smooth_l1,
        source="scipy.special.huber over its threshold",
        hypers={"beta": 1.75},
        bad_hypers=({"beta": -1.0},),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.pseudo_huber_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, delta=1.0: scipy.special.pseudo_huber(delta, predictions - targets),
        source="scipy.special.pseudo_huber",
        hypers={"delta": 1.75},
        bad_hypers=({"delta": 0.0}, {"delta": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.charbonnier_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, epsilon=1e-3: np.hypot(predictions - targets, epsilon),
        source="numpy.hypot",
        hypers={"epsilon": 0.5},
        bad_hypers=({"epsilon": 0.0}, {"epsilon": -1.0}),
        bound=1e-3,
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.log_cosh,
        draw=draws.pair(),
        oracle=lambda predictions, targets: np.logaddexp(predictions - targets, targets - predictions) - np.log(2.0),
        source="formula by numpy.logaddexp",
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.cauchy_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, scale=1.0: np.log(1 + ((predictions - targets) / scale) ** 2 / 2),
        source="formula",
        hypers={"scale": 1.75},
        bad_hypers=({"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.geman_mcclure_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, scale=1.0: 2 - 8 / (((predictions - targets) / scale) ** 2 + 4),
        source="formula",
        hypers={"scale": 1.75},
        bad_hypers=({"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.welsch_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, scale=1.0: 1 - np.exp(-(((predictions - targets) / scale) ** 2) / 2),
        source="formula",
        hypers={"scale": 1.75},
        bad_hypers=({"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.tukey_biweight_loss,
        draw=draws.pair(),
        oracle=_tukey,
        source="formula",
        hypers={"scale": 3.25},
        bad_hypers=({"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.barron_loss,
        draw=draws.pair(),
        oracle=_barron,
        source="Barron (2019), equation 1",
        hypers={"alpha": -0.75, "scale": 1.75},
        bad_hypers=({"alpha": float("nan")}, {"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.quantile_loss,
        draw=draws.pair(),
        oracle=_pinball,
        source="sklearn.metrics.mean_pinball_loss",
        hypers={"quantile": 0.8},
        bad_hypers=({"quantile": 0.0}, {"quantile": 1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.multi_quantile_loss,
        draw=_quantile_predictions,
        oracle=lambda predictions, targets, levels: np.mean(
            [_pinball(predictions[..., i], targets, quantile=level) for i, level in enumerate(levels)], axis=0
        ),
        source="sklearn.metrics.mean_pinball_loss, level by level",
        shared=("levels",),
        perfect=_certain_predictions,
        convex=True,
        extremes={
            "huge": {
                "predictions": np.array([[1e38] * 5, [1e-30, -1e-30, 0.0, 1e38, -1e38]]),
                "targets": np.array([-1e38, 0.0]),
                "levels": LEVELS,
            }
        },
    ),
    Case(
        fn=jaxloss.quantile_crossing_penalty,
        draw=lambda rng, batch: {"predictions": 2 * rng.normal(size=(*batch, 4))},
        oracle=lambda predictions, margin=0.0: np.sum(np.maximum(0, margin - np.diff(predictions)), axis=-1),
        source="formula",
        hypers={"margin": 0.5},
        bad_hypers=({"margin": -0.5},),
        perfect=lambda rng, batch: {"predictions": rng.normal(size=(*batch, 1)) + np.arange(4.0)},
        convex=True,
        extremes={
            "huge": {"predictions": np.array([[1e38, -1e38, 1e38], [-1e38, 1e38, 1e38], [1e-30, 0.0, 0.0]])},
            "one level": {"predictions": np.array([[3.0], [4.0]])},
        },
        cancels="a small violation is a difference of the margin and the gap",
    ),
    Case(
        fn=jaxloss.huber_quantile_loss,
        draw=draws.pair(),
        oracle=_huber_quantile,
        source="Dabney et al. (2018), equation 10, by scipy.special.huber",
        hypers={"quantile": 0.8, "delta": 1.75},
        bad_hypers=({"quantile": 0.0}, {"quantile": 1.0}, {"delta": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.expectile_loss,
        draw=draws.pair(),
        oracle=_expectile,
        source="Newey and Powell (1987)",
        hypers={"expectile": 0.8},
        bad_hypers=({"expectile": 0.0}, {"expectile": 1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes={"large": LARGE},
    ),
]
