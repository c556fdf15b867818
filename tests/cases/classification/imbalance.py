"""Cases of `jaxloss.classification.imbalance`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import EDGES, LABELS, cross_entropy


def _with_priors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**draws.scores_and_labels()(rng, batch), "class_priors": draws.simplex(rng, (), 5)}


def _with_counts(scale: float):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        counts = np.array([1000.0, 400.0, 150.0, 60.0, 25.0]) * rng.uniform(0.8, 1.2, size=5)
        inputs = draws.scores_and_labels()(rng, batch)
        return {**inputs, "logits": scale * inputs["logits"], "class_counts": counts}

    return draw


def _ldam_oracle(logits, labels, class_counts, max_margin=0.5, scale=30.0):
    margins = class_counts**-0.25
    margins = margins * max_margin / margins.max()
    return cross_entropy(scale * (logits - np.eye(logits.shape[-1])[labels] * margins), labels)


TAIL = np.array([1e6, 1.0, 3.0, 0.0, 20.0])

CASES = [
    Case(
        fn=jaxloss.logit_adjusted_cross_entropy,
        draw=_with_priors,
        oracle=lambda logits, labels, class_priors, tau=1.0: cross_entropy(logits + tau * np.log(class_priors), labels),
        source="scipy.special.log_softmax",
        hypers={"tau": 1.5},
        bad_hypers=({"tau": -1.0},),
        shared=("class_priors",),
        convex=True,
        labels="labels",
        extremes={"saturated, absent, rare": {"logits": EDGES, "labels": LABELS, "class_priors": TAIL / TAIL.sum()}},
        illegal={"class_priors": (-0.1,)},
        ends=({"tau": 0.0},),
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.balanced_softmax_loss,
        draw=_with_counts(1.0),
        oracle=lambda logits, labels, class_counts: cross_entropy(logits + np.log(class_counts), labels),
        source="scipy.special.log_softmax",
        shared=("class_counts",),
        convex=True,
        labels="labels",
        extremes={"saturated, absent, rare": {"logits": EDGES, "labels": LABELS, "class_counts": TAIL}},
        illegal={"class_counts": (-1.0,)},
        translates=(("logits",),),
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
        illegal={"class_counts": (-1.0,)},
        ends=({"max_margin": 0.0, "scale": 20.0},),
        translates=(("logits",),),
    ),
]
