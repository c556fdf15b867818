"""Cases of `jaxloss.reinforcement.values.squashed_values`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import DIFFERENCE


def _symlog_squared_error(predictions, targets):
    logs = np.where(targets < 0, -np.log(1 + np.abs(targets)), np.log(1 + np.abs(targets)))
    return (predictions - logs) ** 2


CASES = [
    Case(
        fn=jaxloss.symlog_squared_error,
        draw=lambda rng, batch: {
            "predictions": 2 * rng.normal(size=batch),
            "targets": np.sinh(3 * rng.normal(size=batch)),
        },
        oracle=_symlog_squared_error,
        source="Hafner et al. (2023), equation 9, with numpy.log",
        perfect=lambda rng, batch: {"predictions": np.zeros(batch), "targets": np.zeros(batch)},
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "any size": {
                "predictions": np.array([0.0, 1e18, -1e18, 0.0]),
                "targets": np.array([3e38, -3e38, 2e-38, 0.0]),
            }
        },
    ),
]
