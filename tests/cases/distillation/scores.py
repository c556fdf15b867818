"""Cases of `jaxloss.distillation.scores`."""

from __future__ import annotations

import numpy as np
import sklearn.metrics

import jaxloss
from tests.cases import Case, Inputs, Shape

NAMES = ("positive_scores", "negative_scores", "teacher_positive_scores", "teacher_negative_scores")


def _scores(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {name: 2 * rng.normal(size=batch) for name in NAMES}


def _agreeing(rng: np.random.Generator, batch: Shape) -> Inputs:
    """A teacher whose scores are those of the student, or 4 above all of them, which is exact."""
    scores = np.round(8 * rng.normal(size=(2, *batch))) / 4
    return dict(zip(NAMES, (*scores, *(scores + 4)), strict=True))


def _margins(positive_scores, negative_scores, teacher_positive_scores, teacher_negative_scores):
    pairs = (positive_scores - negative_scores, teacher_positive_scores - teacher_negative_scores)
    each = np.vectorize(lambda s, t: sklearn.metrics.mean_squared_error([t], [s]), otypes=[float])
    return each(*pairs)


def _edge(*scores: float) -> Inputs:
    return {name: np.array([score]) for name, score in zip(NAMES, scores, strict=True)}


CASES = [
    Case(
        fn=jaxloss.margin_squared_error,
        draw=_scores,
        oracle=_margins,
        source="sklearn.metrics.mean_squared_error of the margins",
        perfect=_agreeing,
        convex=True,
        cancels="a margin is a difference of scores, and the error one of margins",
        extremes={
            "far from each other": _edge(3e38, -3e38, 3e38, -3e38),
            "far from the teacher": _edge(1e18, 0.0, -1e18, 0.0),
            "tiny": _edge(1e-30, 0.0, 0.0, 1e-30),
            "zeros": _edge(0.0, 0.0, 0.0, 0.0),
        },
        translates=(NAMES[:2], NAMES[2:]),
    ),
]
