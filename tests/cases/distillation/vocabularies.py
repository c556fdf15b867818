"""Cases of `jaxloss.distillation.vocabularies`."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.distillation._shared import LOGITS, agreeing


def _two_vocabularies(classes: int, teacher_classes: int) -> draws.Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        sizes = {"logits": classes, "teacher_logits": teacher_classes}
        return {name: 2 * rng.normal(size=(*batch, size)) for name, size in sizes.items()}

    return draw


def _cheapest(logits, teacher_logits):
    """The cheapest pairing of the probabilities, the shorter list filled with zeros, by the Hungarian algorithm."""
    batch, size = logits.shape[:-1], max(logits.shape[-1], teacher_logits.shape[-1])
    values = np.zeros(batch)
    for i in np.ndindex(batch):
        q, p = (scipy.special.softmax(x[i]) for x in (logits, teacher_logits))
        q, p = (np.pad(x, (0, size - len(x))) for x in (q, p))
        costs = np.abs(q[:, None] - p[None, :])
        values[i] = costs[scipy.optimize.linear_sum_assignment(costs)].sum()
    return values


CASES = [
    Case(
        fn=jaxloss.universal_logit_distillation_loss,
        draw=_two_vocabularies(5, 7),
        structures={
            "fewer classes than the teacher": _two_vocabularies(2, 6),
            "more classes than the teacher": _two_vocabularies(6, 2),
            "equal numbers of classes": _two_vocabularies(4, 4),
        },
        oracle=_cheapest,
        source="scipy.optimize.linear_sum_assignment of scipy.special.softmax",
        perfect=agreeing,
        cancels="a difference of probabilities",
        extremes={
            **LOGITS,
            "one class beside two": {"logits": np.array([[3.0]]), "teacher_logits": np.array([[1.0, 1.0]])},
        },
        translates=(("logits",), ("teacher_logits",)),
    ),
]
