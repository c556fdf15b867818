"""Cases of `jaxloss.probabilistic.positive`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases._packages import sklearn_metric
from tests.cases.probabilistic._shared import HUGE, SIGNED, TINY, edge, positive


def _elementwise(metric):
    return lambda predictions, targets, **hypers: np.vectorize(lambda p, t: metric([t], [p], **hypers), otypes=[float])(
        predictions, targets
    )


def _gamma(rng, batch):
    return {
        "means": positive(rng, batch),
        "shapes": positive(rng, batch, scale=1.0),
        "targets": positive(rng, batch),
    }


def _deviance_draw(rng, batch):
    return {"predictions": 0.3 + rng.gamma(2.0, size=batch), "targets": 0.1 + rng.gamma(1.0, size=batch)}


def _deviance_perfect(rng, batch):
    values = np.exp(3 * rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


CASES = [
    Case(
        fn=jaxloss.gamma_nll,
        draw=_gamma,
        oracle=lambda means, shapes, targets: -scipy.stats.gamma.logpdf(targets, shapes, scale=means / shapes),
        source="scipy.stats.gamma.logpdf",
        bound=None,
        cancels=SIGNED,
        extremes={"any scale": edge(means=[TINY, HUGE, 1], shapes=[1e-20, 1e20, 1], targets=[TINY, HUGE, TINY])},
        illegal={"means": (0.0, -1.0), "shapes": (0.0, -1.0), "targets": (0.0, -1.0)},
    ),
    Case(
        fn=jaxloss.gamma_deviance,
        draw=_deviance_draw,
        oracle=_elementwise(sklearn_metric("mean_gamma_deviance")),
        source="sklearn.metrics.mean_gamma_deviance",
        tolerance=1e-10,
        perfect=_deviance_perfect,
        extremes={"any scale": edge(predictions=[TINY, HUGE, 1], targets=[TINY, HUGE, TINY])},
        illegal={"predictions": (0.0, -1.0), "targets": (0.0, -1.0)},
    ),
    Case(
        fn=jaxloss.tweedie_deviance,
        draw=_deviance_draw,
        oracle=lambda predictions, targets, power=1.5: _elementwise(sklearn_metric("mean_tweedie_deviance"))(
            predictions, targets, power=power
        ),
        source="sklearn.metrics.mean_tweedie_deviance",
        hypers={"power": 1.25},
        bad_hypers=({"power": -1.0},),
        tolerance=1e-10,
        perfect=_deviance_perfect,
        extremes={
            "zeros": edge(predictions=[1e-6, 1, 1e6], targets=[0, 0, 0]),
            "any scale": edge(predictions=[1e-15, 1e15, 1], targets=[1e15, 1e15, TINY]),
        },
        illegal={"predictions": (0.0, -1.0), "targets": (-1.0,)},
        ends=({"power": 0.0}, {"power": 1.0}),
    ),
]
