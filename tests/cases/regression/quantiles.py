"""Cases of `jaxloss.regression.quantiles`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases._packages import sklearn_metric
from tests.cases.regression._shared import EDGES

LEVELS = np.array([0.05, 0.3, 0.5, 0.75, 0.95])


def _pinball(predictions: np.ndarray, targets: np.ndarray, quantile: float = 0.5) -> np.ndarray:
    return np.vectorize(lambda p, t: sklearn_metric("mean_pinball_loss")([t], [p], alpha=quantile), otypes=[float])(
        predictions, targets
    )


def _at_one_level(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=(*batch, 1)), "targets": rng.normal(size=batch), "levels": np.array([0.3])}


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
        fn=jaxloss.quantile_loss,
        draw=draws.pair(),
        oracle=_pinball,
        source="sklearn.metrics.mean_pinball_loss",
        hypers={"quantile": 0.8},
        bad_hypers=({"quantile": 0.0}, {"quantile": 1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
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
        illegal={"levels": (0.0, 1.0, 1.3)},
        structures={"one level": _at_one_level},
        translates=(("predictions", "targets"),),
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
        structures={
            "one level": lambda rng, batch: {"predictions": rng.normal(size=(*batch, 1))},
            "two levels": lambda rng, batch: {"predictions": rng.normal(size=(*batch, 2))},
        },
        translates=(("predictions",),),
    ),
]
