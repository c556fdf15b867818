"""Cases of `jaxloss.ranking.listwise`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, ONLY_ORDER, each_list, graded

LABELLED = "a weight scales the part of an item in the sum, a copy would also compete with it"


def _relevant(rng, batch):
    return {"scores": 2 * rng.normal(size=batch), "relevance": rng.gamma(1.0, size=batch)}


def _plackett_luce(scores, relevance):
    nlls = [scipy.special.logsumexp(scores[relevance <= y]) - s for s, y in zip(scores, relevance, strict=True)]
    return np.sum(nlls)


def _against_lesser(scores, relevance, chunk_size=None):
    def one(s, y):
        return (2**y - 1) * (scipy.special.logsumexp(np.append(scores[relevance < y], s)) - s)

    return sum(one(s, y) for s, y in zip(scores, relevance, strict=True))


CASES = [
    Case(
        fn=jaxloss.ranking_softmax_loss,
        draw=_relevant,
        oracle=lambda scores, relevance: -np.sum(relevance * scipy.special.log_softmax(scores, axis=-1), axis=-1),
        source="scipy.special.log_softmax",
        illegal={"relevance": (-1.0,)},
        pooled=True,
        single="a query may have one document",
        convex=True,
        extremes={
            **EDGES,
            "an absent item": {"scores": np.array([[-np.inf, 1.0]]), "relevance": np.array([[0.0, 1.0]])},
        },
        exempt={"weight_is_repetition": LABELLED},
        translates=(("scores",),),
    ),
    Case(
        fn=jaxloss.listmle_loss,
        draw=graded,
        oracle=each_list(_plackett_luce),
        source="scipy.special.logsumexp",
        pooled=True,
        single="a query may have one document",
        fixed={"relevance": ONLY_ORDER},
        constant={"relevance": ONLY_ORDER},
        convex=True,
        extremes=EDGES,
        exempt={"weight_is_repetition": LABELLED},
        translates=(("scores",),),
    ),
    Case(
        fn=jaxloss.unique_softmax_loss,
        draw=graded,
        oracle=each_list(_against_lesser),
        source="Zhu and Klabjan (2020), item by item, with scipy.special.logsumexp",
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        illegal={"relevance": (-1.0,)},
        pooled=True,
        single="a query may have one document",
        fixed={"relevance": "the items that an item competes with change where two are equally relevant"},
        convex=True,
        extremes=EDGES,
        exempt={"weight_is_repetition": LABELLED},
        translates=(("scores",),),
    ),
]
