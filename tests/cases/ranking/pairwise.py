"""Cases of `jaxloss.ranking.pairwise`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, NO_PAIR, ONLY_ORDER, each_list, graded


def _in_steps(rng, batch):
    relevance = graded(rng, batch)["relevance"]
    return {"scores": 3.0 * relevance + rng.uniform(-0.9, 0.9, size=batch), "relevance": relevance}


def _far_apart(rng, batch):
    relevance = graded(rng, batch)["relevance"]
    return {"scores": 1e4 * relevance + rng.uniform(size=batch), "relevance": relevance}


def _mean_of_pairs(loss):
    def of_list(scores, relevance, chunk_size=None):
        better, worse = np.nonzero(relevance[:, None] > relevance)
        return np.mean([loss(scores[i] - scores[j]) for i, j in zip(better, worse, strict=True)])

    return each_list(of_list)


CASES = [
    Case(
        fn=jaxloss.pairwise_logistic_loss,
        draw=graded,
        oracle=_mean_of_pairs(lambda margin: np.logaddexp(0, -margin)),
        source="Burges et al. (2005), over pairs",
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        pooled=True,
        single="a query may have one document",
        fixed={"relevance": ONLY_ORDER},
        constant={"relevance": ONLY_ORDER},
        convex=True,
        extremes=EDGES | NO_PAIR,
        translates=(("scores",),),
    ),
    Case(
        fn=jaxloss.pairwise_hinge_loss,
        draw=graded,
        oracle=_mean_of_pairs(lambda margin: max(0.0, 1 - margin)),
        source="Joachims (2002), over pairs",
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        pooled=True,
        single="a query may have one document",
        fixed={"relevance": ONLY_ORDER},
        constant={"relevance": ONLY_ORDER},
        perfect=_in_steps,
        convex=True,
        extremes=EDGES | NO_PAIR,
        translates=(("scores",),),
    ),
    Case(
        fn=jaxloss.pairwise_soft_zero_one_loss,
        draw=graded,
        oracle=_mean_of_pairs(lambda margin: scipy.special.expit(-margin)),
        source="rax's formula, over pairs",
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        pooled=True,
        single="a query may have one document",
        fixed={"relevance": ONLY_ORDER},
        constant={"relevance": ONLY_ORDER},
        perfect=_far_apart,
        extremes=EDGES | NO_PAIR,
        translates=(("scores",),),
    ),
]
