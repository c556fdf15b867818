"""Cases of `jaxloss.regression.barron`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.regression._shared import EDGES


def _barron(predictions: np.ndarray, targets: np.ndarray, alpha: float = 1.0, scale: float = 1.0) -> np.ndarray:
    square = ((predictions - targets) / scale) ** 2
    if alpha in (0, -np.inf):
        return np.log1p(square / 2) if alpha == 0 else 1 - np.exp(-square / 2)
    gap = abs(alpha - 2)
    return gap / alpha * ((square / gap + 1) ** (alpha / 2) - 1)


CASES = [
    Case(
        fn=jaxloss.barron_loss,
        draw=draws.pair(),
        oracle=_barron,
        source="Barron (2019), equation 1",
        hypers={"alpha": -0.75, "scale": 1.75},
        bad_hypers=({"alpha": float("nan")}, {"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
        ends=({"alpha": 0.0, "scale": 1.75}, {"alpha": float("-inf"), "scale": 1.75}),
        translates=(("predictions", "targets"),),
    ),
]
