"""Cases of `jaxloss.regression.redescending`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.regression._shared import EDGES


def _tukey(predictions: np.ndarray, targets: np.ndarray, scale: float = 4.685) -> np.ndarray:
    u = (predictions - targets) / scale
    return np.where(np.abs(u) <= 1, scale**2 / 6 * (1 - (1 - u**2) ** 3), scale**2 / 6)


CASES = [
    Case(
        fn=jaxloss.cauchy_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, scale=1.0: np.log(1 + ((predictions - targets) / scale) ** 2 / 2),
        source="formula",
        hypers={"scale": 1.75},
        bad_hypers=({"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        extremes=EDGES,
        translates=(("predictions", "targets"),),
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
        translates=(("predictions", "targets"),),
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
        translates=(("predictions", "targets"),),
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
        translates=(("predictions", "targets"),),
    ),
]
