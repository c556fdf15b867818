"""Cases of `jaxloss.language.preferences.unpaired`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import BAD, draw_logps


def _answers(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        **draw_logps("logps", "reference_logps")(rng, batch),
        "labels": rng.integers(0, 2, size=batch).astype(np.int32),
    }


def _kto(logps, reference_logps, labels, beta=0.1, desirable_weight=1.0, undesirable_weight=1.0, reference_point=0.0):
    ratio = logps - reference_logps
    good = desirable_weight * (1 - scipy.special.expit(beta * (ratio - reference_point)))
    bad = undesirable_weight * (1 - scipy.special.expit(beta * (reference_point - ratio)))
    return np.choose(labels, [bad, good])


HELPERS = {
    "kto_reference_point": "a statistic of the batch that kto_loss takes, not a loss",
}

HYPERS = {"beta": 0.5, "desirable_weight": 1.5, "undesirable_weight": 0.75, "reference_point": 0.25}

CASES = [
    Case(
        fn=jaxloss.kto_loss,
        draw=_answers,
        oracle=_kto,
        source="scipy.special.expit",
        hypers=HYPERS,
        ends=tuple({**HYPERS, name: 0.0} for name in ("desirable_weight", "undesirable_weight", "reference_point")),
        bad_hypers=(*BAD, {"desirable_weight": -1.0}, {"undesirable_weight": -1.0}, {"reference_point": -1.0}),
        labels="labels",
        classes=lambda inputs: 2,
        extremes={
            "far": {
                "logps": np.array([-1e30, 0.0, -1e30, 0.0]),
                "reference_logps": np.array([0.0, -1e30, 0.0, -1e30]),
                "labels": np.array([1, 1, 0, 0], np.int32),
            }
        },
        translates=(("logps", "reference_logps"),),
    ),
]
