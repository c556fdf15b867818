"""Cases of the losses for imbalanced classes."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape


def _with_priors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**draws.scores_and_labels()(rng, batch), "class_priors": draws.simplex(rng, (), 5)}


def _with_counts(scale: float):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        counts = np.array([1000.0, 400.0, 150.0, 60.0, 25.0]) * rng.uniform(0.8, 1.2, size=5)
        inputs = draws.scores_and_labels()(rng, batch)
        return {**inputs, "logits": scale * inputs["logits"], "class_counts": counts}

    return draw


def _cross_entropy(logits, labels):
    return -np.sum(np.eye(logits.shape[-1])[labels] * scipy.special.log_softmax(logits, -1), -1)


def _ldam_oracle(logits, labels, class_counts, max_margin=0.5, scale=30.0):
    margins = class_counts**-0.25
    margins = margins * max_margin / margins.max()
    return _cross_entropy(scale * (logits - np.eye(logits.shape[-1])[labels] * margins), labels)


def _ohem_oracle(logits, labels, keep_fraction=0.25):
    each = np.sort(_cross_entropy(logits, labels), -1)[..., ::-1]
    return each[..., : int(np.ceil(keep_fraction * each.shape[-1]))].mean(-1)


EDGES = np.array([[-np.inf, 0.0, 1.0, -np.inf, 2.0], [1e4, -1e4, 0.0, 0.0, 1.0], [-1e4, 1e4, 1e4, 0.0, 0.0]])
LABELS = np.array([1, 1, 1], np.int32)
TAIL = np.array([1e6, 1.0, 3.0, 0.0, 20.0])

CASES = [
    Case(
        fn=jaxloss.logit_adjusted_cross_entropy,
        draw=_with_priors,
        oracle=lambda logits, labels, class_priors, tau=1.0: _cross_entropy(
            logits + tau * np.log(class_priors), labels
        ),
        source="scipy.special.log_softmax",
        hypers={"tau": 1.5},
        bad_hypers=({"tau": -1.0},),
        shared=("class_priors",),
        convex=True,
        labels="labels",
        extremes={"saturated, absent, rare": {"logits": EDGES, "labels": LABELS, "class_priors": TAIL / TAIL.sum()}},
    ),
    Case(
        fn=jaxloss.balanced_softmax_loss,
        draw=_with_counts(1.0),
        oracle=lambda logits, labels, class_counts: _cross_entropy(logits + np.log(class_counts), labels),
        source="scipy.special.log_softmax",
        shared=("class_counts",),
        convex=True,
        labels="labels",
        extremes={"saturated, absent, rare": {"logits": EDGES, "labels": LABELS, "class_counts": TAIL}},
    ),
    Case(
        fn=jaxloss.ldam_loss,
        draw=_with_counts(0.1),
        oracle=_ldam_oracle,
        source="scipy.special.log_softmax",
        hypers={"max_margin": 0.3, "scale": 20.0},
        bad_hypers=({"max_margin": -0.1}, {"scale": 0.0}),
        shared=("class_counts",),
        convex=True,
        labels="labels",
        extremes={"saturated, absent, rare": {"logits": EDGES, "labels": LABELS, "class_counts": TAIL}},
    ),
    Case(
        fn=jaxloss.ohem_cross_entropy,
        draw=draws.scores_and_labels(),
        oracle=_ohem_oracle,
        source="scipy.special.log_softmax and numpy.sort",
        hypers={"keep_fraction": 0.6},
        bad_hypers=({"keep_fraction": 0.0}, {"keep_fraction": 1.5}),
        pooled=True,
        extremes={"saturated and absent": {"logits": EDGES, "labels": LABELS}},
        exempt={"weight_is_repetition": "the kept share is a count of entries, rounded up, whatever their weights"},
    ),
]
