"""Cases of `jaxloss.survival.discrete_times`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

INTERVALS = 5


def _subjects(more: int):
    """Of ``INTERVALS`` scores and ``more`` intervals; a censored subject is seen to survive all but the last."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        events = rng.uniform(size=batch) < 0.6
        last = np.where(events, INTERVALS + more, INTERVALS + more - 1)
        intervals = (rng.uniform(size=batch) * last).astype(np.int32)
        return {"logits": 2 * rng.normal(size=(*batch, INTERVALS)), "intervals": intervals, "events": events}

    return draw


def _by_subject(nll):
    def oracle(logits, intervals, events):
        values = np.zeros(intervals.shape)
        for i in np.ndindex(intervals.shape):
            values[i] = nll(logits[i], intervals[i], events[i])
        return values

    return oracle


def _hazard_nll(z, k, event):
    hazards = 1 / (1 + np.exp(-z))
    survived = np.prod(1 - hazards[: k if event else k + 1])
    return -np.log(survived * hazards[k] if event else survived)


def _pmf_nll(z, k, event):
    p = np.exp(z) / np.sum(np.exp(z))
    return -np.log(p[k] if event else np.sum(p[k + 1 :]))


def _mtlr_nll(z, k, event):
    """By the sequences of answers: in the sequence of an interval, all later ends are behind the event."""
    scores = [np.sum([z[i] for i in range(len(z)) if i >= j]) for j in range(len(z) + 1)]
    return _pmf_nll(np.array(scores), k, event)


def _sides(inputs: Inputs, happened, waiting) -> np.ndarray:
    number, k = np.arange(inputs["logits"].shape[-1]), inputs["intervals"][..., None]
    return np.where(np.where(inputs["events"][..., None], happened(number, k), waiting(number, k)), 1.0, -1.0)


TOWARDS = {
    "logistic_hazard_nll": lambda inputs: _sides(inputs, lambda j, k: j == k, lambda j, k: j < 0),
    "survival_pmf_nll": lambda inputs: _sides(inputs, lambda j, k: j == k, lambda j, k: j > k),
    "mtlr_nll": lambda inputs: _sides(inputs, lambda j, k: j >= k, lambda j, k: j > k),
}


def _certain(name: str, more: int):
    def perfect(rng: np.random.Generator, batch: Shape) -> Inputs:
        inputs = _subjects(more)(rng, batch)
        return {**inputs, "logits": 1e3 * TOWARDS[name](inputs)}

    return perfect


EXTREMES = {
    "certain and wrong": {
        "logits": np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]]),
        "intervals": np.array([1, 0, 1, 1], np.int32),
        "events": np.array([True, True, False, True]),
    },
    "impossible intervals": {
        "logits": np.array([[-np.inf, 1.0, 2.0], [0.0, -np.inf, 1.0]]),
        "intervals": np.array([1, 0], np.int32),
        "events": np.array([True, False]),
    },
    "one interval": {
        "logits": np.array([[3.0], [-3.0]]),
        "intervals": np.zeros(2, np.int32),
        "events": np.ones(2, bool),
    },
}

CASES = [
    Case(
        fn=fn,
        draw=_subjects(more),
        oracle=_by_subject(nll),
        source=source,
        labels="intervals",
        classes=lambda inputs, more=more: inputs["logits"].shape[-1] + more,
        convex=fn is jaxloss.logistic_hazard_nll,
        perfect=_certain(fn.__name__, more),
        towards=TOWARDS[fn.__name__],
        extremes=EXTREMES,
    )
    for fn, more, nll, source in (
        (jaxloss.logistic_hazard_nll, 0, _hazard_nll, "the product of hazards, subject by subject"),
        (jaxloss.survival_pmf_nll, 0, _pmf_nll, "the sum of probabilities, subject by subject"),
        (jaxloss.mtlr_nll, 1, _mtlr_nll, "the scores of sequences of answers, subject by subject"),
    )
]
