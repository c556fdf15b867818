"""Cases of `jaxloss.classification.polynomial`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import EDGES, distributions, two_classes


def _certain_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = np.eye(5)[rng.integers(0, 5, size=batch)]
    return {"logits": 1000 * targets, "targets": targets}


def _poly_oracle(logits, targets, poly_weight=2.0):
    log_p = scipy.special.log_softmax(logits, -1)
    return np.sum(-targets * log_p + poly_weight * targets * (1 - np.exp(log_p)), -1)


CASES = [
    Case(
        fn=jaxloss.poly_loss_cross_entropy,
        mistakes={"sum to 1": draws.half_of("targets")},
        draw=distributions,
        oracle=_poly_oracle,
        source="scipy.special.log_softmax",
        hypers={"poly_weight": -0.75},
        bad_hypers=({"poly_weight": -1.5},),
        perfect=_certain_distributions,
        extremes={"saturated and absent": {"logits": EDGES, "targets": np.eye(5)[[1, 1, 0]]}},
        illegal={"targets": (-0.1, -3.0)},
        ends=({"poly_weight": -1.0}, {"poly_weight": 0.0}),
        structures={"two classes": two_classes},
        translates=(("logits",),),
    ),
]
