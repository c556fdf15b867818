"""Cases of `jaxloss.regression.expectiles`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.regression._shared import EDGES, LARGE


def _expectile(predictions: np.ndarray, targets: np.ndarray, expectile: float = 0.5) -> np.ndarray:
    residual = targets - predictions
    return np.abs(expectile - (residual < 0)) * residual**2


def _huber_quantile(
    predictions: np.ndarray, targets: np.ndarray, quantile: float = 0.5, delta: float = 1.0
) -> np.ndarray:
    residual = targets - predictions
    return np.abs(quantile - (residual < 0)) * (
        scipy.special.huber(delta, residual) / delta if delta else abs(residual)
    )


CASES = [
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
        ends=({"quantile": 0.8, "delta": 0.0},),
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.linex_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, asymmetry=1.0: (
            np.expm1(asymmetry * (predictions - targets)) - asymmetry * (predictions - targets)
        ),
        source="Zellner (1986)",
        hypers={"asymmetry": -0.7},
        perfect=draws.equal_pair(),
        convex=True,
        extremes={
            "apart": {"predictions": np.array([80.0, -80.0, 0.0]), "targets": np.array([0.0, 0.0, 1e-30])},
            "equal": {"predictions": np.array([1e30, 0.0]), "targets": np.array([1e30, 0.0])},
        },
        translates=(("predictions", "targets"),),
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
        translates=(("predictions", "targets"),),
    ),
]
