"""Draws that several modules of divergences share."""

from __future__ import annotations

import numpy as np

from tests import draws
from tests.cases import Inputs, Shape

ABSENT = np.array([[0.0, -np.inf, -np.inf], [np.log(0.5), np.log(0.5), -np.inf]])
PRESENT = np.log(np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]))


def log_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: np.log(draws.simplex(rng, batch, 5)) for n in ("log_predictions", "log_targets")}


def equal_log_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.log(draws.simplex(rng, batch, 5))
    return {"log_predictions": values, "log_targets": values.copy()}
