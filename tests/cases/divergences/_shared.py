"""Draws that several modules of divergences share."""

from __future__ import annotations

import numpy as np

from tests import draws
from tests.cases import Inputs, Shape
from tests.draws import Draw

ABSENT = np.array([[0.0, -np.inf, -np.inf], [np.log(0.5), np.log(0.5), -np.inf]])
PRESENT = np.log(np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]))


def log_distributions_of(classes: int) -> Draw:
    return lambda rng, batch: {
        n: np.log(draws.simplex(rng, batch, classes)) for n in ("log_predictions", "log_targets")
    }


log_distributions = log_distributions_of(5)
FEW = {"one class": log_distributions_of(1), "two classes": log_distributions_of(2)}
NOT_LOG_PROBABILITIES = {"log_predictions": (0.5, 3.0), "log_targets": (0.5, 3.0)}


def equal_log_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.log(draws.simplex(rng, batch, 5))
    return {"log_predictions": values, "log_targets": values.copy()}
