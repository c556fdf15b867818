"""Cases of `jaxloss.language.z_loss`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CLASSES


def _normalised(rng: np.random.Generator, batch: Shape) -> Inputs:
    only = rng.integers(0, CLASSES, size=batch)
    return {"logits": np.where(np.eye(CLASSES)[only] > 0, 0.0, -np.inf)}


CASES = [
    Case(
        fn=jaxloss.softmax_z_loss,
        draw=lambda rng, batch: {"logits": 2 * rng.normal(size=(*batch, CLASSES))},
        oracle=lambda logits: scipy.special.logsumexp(logits, -1) ** 2,
        source="scipy.special.logsumexp",
        structures={"one class": lambda rng, batch: {"logits": 2 * rng.normal(size=(*batch, 1))}},
        perfect=_normalised,
        cancels="the log-normaliser is near 0 where the largest score cancels the sum of the others",
        extremes={
            "saturated and absent": {"logits": np.array([[-np.inf, 0.0, 1e4], [1e4, -1e4, 0.0], [0.0, -1e18, -1e18]])}
        },
    ),
]
