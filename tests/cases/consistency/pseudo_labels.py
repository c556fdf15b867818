"""Cases of pseudo-labels."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw

NAMES = ("logits", "weak_logits")


def views(classes: int) -> Draw:
    """Half of the weak views are confident."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        weak = rng.normal(size=(*batch, classes)) * rng.choice([0.5, 8.0], size=(*batch, 1))
        return {"logits": 2 * rng.normal(size=(*batch, classes)), "weak_logits": weak}

    return draw


def _agreeing(rng: np.random.Generator, batch: Shape) -> Inputs:
    certain = 1e4 * np.eye(5)[rng.integers(0, 5, size=batch)]
    return {"logits": certain, "weak_logits": certain.copy()}


def _fixmatch(logits, weak_logits, threshold=0.95):
    """Sohn et al. (2020), equation 4, example by example."""
    values = np.zeros(logits.shape[:-1])
    for i in np.ndindex(values.shape):
        probs = scipy.special.softmax(weak_logits[i])
        if probs.max() >= threshold:
            values[i] = -scipy.special.log_softmax(logits[i])[np.argmax(probs)]
    return values


def _uda(logits, weak_logits, temperature=0.4, threshold=0.8):
    """Xie et al. (2020), section 2, example by example."""
    values = np.zeros(logits.shape[:-1])
    for i in np.ndindex(values.shape):
        if scipy.special.softmax(weak_logits[i]).max() >= threshold:
            target = scipy.special.softmax(weak_logits[i] / temperature)
            values[i] = scipy.stats.entropy(target, scipy.special.softmax(logits[i]))
    return values


EXTREMES = {
    name: dict(zip(NAMES, map(np.array, pair), strict=True))
    for name, pair in {
        "saturated": ([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], [[1e4, -1e4, 0.0], [0.0, 1e4, 0.0]]),
        "absent": ([[-np.inf, 0.0, 1.0]], [[-np.inf, 0.0, 9.0]]),
        "absent where it would be the label": ([[-np.inf, 0.0, 1.0]], [[-np.inf, 0.0, 0.1]]),
        "tied": ([[1.0, 2.0, 3.0]], [[0.0, 0.0, 0.0]]),
        "large": ([[1e30, -1e30, 0.0]], [[1e30, -1e30, 0.0]]),
    }.items()
}

CASES = [
    Case(
        fn=jaxloss.fixmatch_loss,
        draw=views(5),
        structures={"one class": views(1), "two classes": views(2)},
        oracle=_fixmatch,
        source="Sohn et al. (2020), equation 4, by scipy.special.log_softmax",
        hypers={"threshold": 0.6},
        ends=({"threshold": 0.0},),
        bad_hypers=({"threshold": -0.1}, {"threshold": 1.0}),
        fixed={"threshold": "a comparison with it has no slope"},
        constant={"weak_logits": "a label has no slope"},
        perfect=_agreeing,
        convex=True,
        towards=lambda inputs: np.eye(5)[np.argmax(inputs["weak_logits"], axis=-1)],
        extremes=EXTREMES,
        translates=(("logits",), ("weak_logits",)),
    ),
    Case(
        fn=jaxloss.uda_loss,
        draw=views(5),
        structures={"one class": views(1), "two classes": views(2)},
        oracle=_uda,
        source="Xie et al. (2020), section 2, by scipy.stats.entropy",
        hypers={"temperature": 0.5, "threshold": 0.6},
        ends=({"temperature": 0.5, "threshold": 0.0},),
        bad_hypers=({"threshold": -0.1}, {"threshold": 1.0}, {"temperature": 0.0}, {"temperature": -1.0}),
        fixed={"threshold": "a comparison with it has no slope"},
        constant={"weak_logits": "a target has no slope"},
        perfect=_agreeing,
        convex=True,
        extremes=EXTREMES,
        translates=(("logits",), ("weak_logits",)),
    ),
]
