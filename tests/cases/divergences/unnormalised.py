"""Cases of the divergences of positive numbers."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _masses(classes: int) -> Draw:
    return lambda rng, batch: {
        "log_predictions": rng.normal(size=(*batch, classes)),
        "targets": 0.1 + rng.gamma(2.0, size=(*batch, classes)),
    }


def _powers(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: 0.2 + rng.gamma(2.0, size=batch) for n in ("predictions", "targets")}


def _equal_powers(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.exp(3 * rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


CASES = [
    Case(
        fn=jaxloss.generalized_kl_divergence,
        draw=_masses(5),
        oracle=lambda log_predictions, targets: scipy.special.kl_div(targets, np.exp(log_predictions)).sum(-1),
        source="scipy.special.kl_div",
        convex=True,
        illegal={"targets": (-0.5,)},
        structures={"one class": _masses(1)},
        cancels="the logarithm of a target is rounded before it meets the prediction's",
        extremes={
            "nothing": {"log_predictions": np.array([[-np.inf, -100.0, 3.0]]), "targets": np.zeros((1, 3))},
            "any size": {"log_predictions": np.array([[80.0, -80.0, 0.0]]), "targets": np.array([[1e30, 1e-30, 1e9]])},
            "counts": {"log_predictions": np.zeros((1, 3)), "targets": np.array([[0, 5, 1000]], np.int32)},
        },
    ),
    Case(
        fn=jaxloss.itakura_saito_divergence,
        draw=_powers,
        oracle=lambda predictions, targets: targets / predictions - np.log(targets / predictions) - 1,
        source="Fevotte et al. (2009), equation 1",
        tolerance=1e-11,
        perfect=_equal_powers,
        illegal={"predictions": (0.0, -1.0), "targets": (-1.0,)},
        extremes={"any scale": {"predictions": np.array([1e-30, 1e30, 1.0]), "targets": np.array([1e-30, 1.0, 1e30])}},
    ),
]
