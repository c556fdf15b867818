"""Cases of the semantic losses."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.draws import Draw

MODELS = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]], bool)


def _ring(a, b, c, d):
    return (~a | b) & (b ^ c) | d


def _count(logits, models):
    """Minus the log of the weighted model count, model by model and variable by variable."""
    values = np.zeros(logits.shape[:-1])
    for i in np.ndindex(values.shape):
        true, false = scipy.special.expit(logits[i]), scipy.special.expit(-logits[i])
        values[i] = -np.log(
            sum(np.prod([t if s else f for s, t, f in zip(m, true, false, strict=True)]) for m in models)
        )
    return values


def _scores(variables: int) -> Draw:
    return lambda rng, batch: {"logits": 2 * rng.normal(size=(*batch, variables))}


def _with_models(models: np.ndarray) -> Draw:
    return lambda rng, batch: {**_scores(models.shape[-1])(rng, batch), "assignments": models}


CERTAIN = np.array([[1e4, -1e4, -1e4, -1e4], [1e4, 1e4, 1e4, 1e4], [-1e4, -1e4, -1e4, -1e4], [0.0, 0.0, 0.0, 0.0]])

FINITE = {"infinite_logits_are_tried": "the logits of these losses must be finite, as their docstrings say"}

CASES = [
    Case(
        fn=jaxloss.semantic_loss,
        draw=_scores(4),
        oracle=lambda logits, formula: _count(
            logits, [m for m in itertools.product((False, True), repeat=4) if formula(*map(np.bool_, m))]
        ),
        source="weighted model count, assignment by assignment",
        hypers={"formula": _ring},
        static=("formula",),
        extremes={"certain": {"logits": CERTAIN}},
        exempt=FINITE,
    ),
    Case(
        fn=jaxloss.semantic_loss_of_assignments,
        draw=_with_models(MODELS),
        structures={
            "one model": _with_models(MODELS[:1]),
            "one variable": _with_models(MODELS[:1, :1]),
            "as many models as variables": _with_models(MODELS[:, 1:]),
        },
        oracle=lambda logits, assignments: _count(logits, assignments),
        source="weighted model count, model by model",
        shared=("assignments",),
        cancels="the probability of the models is near 1 where the loss is near 0",
        extremes={"certain": {"logits": CERTAIN, "assignments": MODELS}},
        exempt=FINITE,
    ),
    Case(
        fn=jaxloss.exactly_one_loss,
        draw=_scores(4),
        oracle=lambda logits: _count(logits, np.eye(logits.shape[-1], dtype=bool)),
        structures={"one variable": _scores(1), "two variables": _scores(2)},
        source="weighted model count, model by model",
        extremes={"certain": {"logits": CERTAIN}},
        exempt=FINITE,
    ),
]
