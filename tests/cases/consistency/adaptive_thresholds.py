"""Cases of pseudo-labels with learned thresholds."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import leading_first
from tests.cases.consistency.pseudo_labels import NAMES, views

HELPERS = {
    "init_freematch_loss": "the state of freematch_loss before its first step",
    "init_softmatch_loss": "the state of softmatch_loss before its first step",
}

CLASS_PROBS = np.array([0.4, 0.1, 0.3, 0.15, 0.05])
FREEMATCH = jaxloss.FreematchState(np.asarray(0.7), CLASS_PROBS)
SOFTMATCH = jaxloss.SoftmatchState(np.asarray(0.75), np.asarray(0.0625))


def _views_and_state(logits, weak_logits, rate):
    """Cross-entropies with the labels of the weak views, their probabilities and the averages of these."""
    probs = scipy.special.softmax(weak_logits, axis=-1)
    surprise = -scipy.special.log_softmax(logits, axis=-1)
    labels = probs.argmax(-1)
    return np.take_along_axis(surprise, labels[..., None], -1)[..., 0], probs, labels


def _freematch(logits, weak_logits, rate=0.001):
    """As in USB, microsoft/Semi-supervised-learning: the averages are moved first."""
    surprise, probs, labels = _views_and_state(logits, weak_logits, rate)
    level = (1 - rate) * 0.7 + rate * probs.max(-1).mean()
    classes = (1 - rate) * CLASS_PROBS + rate * probs.reshape(-1, probs.shape[-1]).mean(0)
    return np.where(probs.max(-1) >= (level * classes / classes.max())[labels], surprise, 0)


def _softmatch(logits, weak_logits, num_deviations=2.0, rate=0.001):
    """As in USB, microsoft/Semi-supervised-learning: the averages are moved first, with an unbiased variance."""
    surprise, probs, _ = _views_and_state(logits, weak_logits, rate)
    most = probs.max(-1)
    mean = (1 - rate) * 0.75 + rate * most.mean()
    variance = (1 - rate) * 0.0625 + rate * (most.var(ddof=1) if most.size > 1 else 0.0625)
    return surprise * np.exp(-(np.minimum(most - mean, 0) ** 2) / (2 * variance / num_deviations**2))


def _agreeing(rng: np.random.Generator, batch: Shape) -> Inputs:
    certain = 1e4 * np.eye(5)[rng.integers(0, 5, size=batch)]
    return {"logits": certain, "weak_logits": certain.copy()}


FAR = np.array([1e4, -1e4, 0.0, 1.0, 2.0])
PAIRS = {
    "saturated": ([FAR, FAR], [FAR, FAR[::-1]]),
    "absent": ([[-np.inf, 0.0, 1.0, 0.0, 0.0]] * 2, [[-np.inf, 0.0, 9.0, 0.0, 0.0]] * 2),
    "tied": ([[1.0, 2.0, 3.0, 0.0, 0.0]] * 2, [[0.0] * 5] * 2),
    "large": ([1e26 * FAR], [1e26 * FAR]),
}
SHARED = {
    "carries": True,
    "meets": True,
    "bound": 0.0,
    "constant": {"weak_logits": "a label and its weight have no slope"},
    "perfect": _agreeing,
    "towards": lambda inputs: np.eye(5)[np.argmax(inputs["weak_logits"], axis=-1)],
    "extremes": {name: dict(zip(NAMES, map(np.array, pair), strict=True)) for name, pair in PAIRS.items()},
    "translates": (("logits",), ("weak_logits",)),
}
MOVING = "the averages that it moves are constants of differentiation"

CASES = [
    Case(
        fn=leading_first(jaxloss.freematch_loss, "state"),
        draw=views(5),
        oracle=_freematch,
        source="Wang et al. (2023) in the code of USB, by scipy.special.log_softmax",
        leading=(FREEMATCH,),
        hypers={"rate": 0.25},
        fixed={"rate": MOVING},
        ends=({"rate": 0.0}, {"rate": 1.0}),
        bad_hypers=({"rate": -0.5}, {"rate": 1.5}),
        **SHARED,
    ),
    Case(
        fn=leading_first(jaxloss.softmatch_loss, "state"),
        draw=views(5),
        oracle=_softmatch,
        source="Chen et al. (2023) in the code of USB, by scipy.special.log_softmax",
        leading=(SOFTMATCH,),
        hypers={"rate": 0.0, "num_deviations": 1.5},
        fixed={"rate": MOVING, "num_deviations": "the weight is a constant of differentiation"},
        ends=({"rate": 1.0, "num_deviations": 1.5},),
        ulps=16,  # the exponential of the square of a difference, over a small deviation
        bad_hypers=({"rate": -0.5}, {"rate": 1.5}, {"num_deviations": 0.0}),
        **SHARED,
    ),
]
