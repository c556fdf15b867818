"""Cases of `jaxloss.classification.noisy_labels.bounded`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.classification._shared import SATURATED, certain_labels


def _log_p(logits, labels):
    return np.sum(np.eye(logits.shape[-1])[labels] * scipy.special.log_softmax(logits, -1), -1)


CASES = [
    Case(
        fn=jaxloss.generalized_cross_entropy,
        draw=draws.scores_and_labels(),
        oracle=lambda logits, labels, q=0.7: (
            (1 - np.exp(_log_p(logits, labels)) ** q) / q if q else -_log_p(logits, labels)
        ),
        source="scipy.special.log_softmax",
        hypers={"q": 0.3},
        bad_hypers=({"q": -0.1}, {"q": 1.1}),
        perfect=certain_labels,
        labels="labels",
        extremes={"saturated and absent": SATURATED},
        tolerance=1e-11,
        ends=({"q": 0.0}, {"q": 1.0}),
        structures={"two classes": draws.scores_and_labels(2)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.symmetric_cross_entropy,
        draw=draws.scores_and_labels(),
        oracle=lambda logits, labels, alpha=0.1, beta=1.0, log_zero=-4.0: (
            -alpha * _log_p(logits, labels) - beta * log_zero * (1 - np.exp(_log_p(logits, labels)))
        ),
        source="scipy.special.log_softmax",
        hypers={"alpha": 0.4, "beta": 0.7, "log_zero": -9.0},
        bad_hypers=({"alpha": -0.1}, {"beta": -1.0}, {"log_zero": 0.0}),
        perfect=certain_labels,
        labels="labels",
        extremes={"saturated and absent": SATURATED},
        tolerance=1e-11,
        ends=({"alpha": 0.0, "beta": 0.7, "log_zero": -9.0}, {"alpha": 0.4, "beta": 0.0, "log_zero": -9.0}),
        structures={"two classes": draws.scores_and_labels(2)},
        translates=(("logits",),),
    ),
]
