"""Cases of the entropy of a prediction as a term beside a loss."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _logits(classes: int) -> Draw:
    return lambda rng, batch: {"logits": 2 * rng.normal(size=(*batch, classes))}


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 1e4 * np.eye(5)[rng.integers(0, 5, size=batch)]}


SATURATED = np.array([[1e4, 0.0, -1e4], [-np.inf, 0.0, 1.0], [1e30, -1e30, 0.0], [0.0, 0.0, 0.0]])


CASES = [
    Case(
        fn=jaxloss.entropy,
        draw=_logits(5),
        structures={"one class": _logits(1), "two classes": _logits(2)},
        oracle=lambda logits: scipy.stats.entropy(scipy.special.softmax(logits, -1), axis=-1),
        source="scipy.stats.entropy",
        perfect=_certain,
        extremes={"saturated and absent": {"logits": SATURATED}},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.entropy_loss,
        draw=_logits(5),
        structures={"one class": _logits(1), "two classes": _logits(2)},
        oracle=lambda logits: -scipy.stats.entropy(scipy.special.softmax(logits, -1), axis=-1),
        source="scipy.stats.entropy",
        bound=-float(np.log(5)) - 1e-6,
        extremes={"saturated and absent": {"logits": SATURATED}},
        translates=(("logits",),),
    ),
]
