"""Cases of `jaxloss.ranking.pairwise`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, ONLY_ORDER, RANKS, dcg, each_list, graded

NO_PAIR = {"further apart than float32 holds": {"scores": np.array([[3e38, -3e38]]), "relevance": np.ones((1, 2))}}


def _in_steps(rng, batch):
    relevance = graded(rng, batch)["relevance"]
    return {"scores": 3.0 * relevance + rng.uniform(-0.9, 0.9, size=batch), "relevance": relevance}


def _mean_of_pairs(loss):
    def of_list(scores, relevance, chunk_size=None):
        better, worse = np.nonzero(relevance[:, None] > relevance)
        return np.mean([loss(scores[i] - scores[j]) for i, j in zip(better, worse, strict=True)])

    return each_list(of_list)


def _lambdarank(scores, relevance, chunk_size=None):
    n = len(scores)
    gains = 2**relevance - 1
    ranks = np.argsort(np.argsort(-scores, kind="stable")) + 1.0
    ideal = dcg(np.sort(gains)[::-1], np.arange(1, n + 1))
    total = 0.0
    for i in range(n):
        for j in range(n):
            if relevance[i] > relevance[j]:
                swapped = ranks.copy()
                swapped[[i, j]] = swapped[[j, i]]
                change = abs(dcg(gains, ranks) - dcg(gains, swapped)) / ideal
                total += change * np.logaddexp(0, scores[j] - scores[i])
    return total


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
        fn=jaxloss.lambdarank_loss,
        draw=graded,
        oracle=each_list(_lambdarank),
        source="Burges (2010), the NDCG before and after every swap",
        illegal={"relevance": (-1.0,)},
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        pooled=True,
        single="a query may have one document",
        fixed={"relevance": ONLY_ORDER},
        constant={"relevance": ONLY_ORDER},
        extremes=EDGES | NO_PAIR,
        exempt={"weight_is_repetition": RANKS},
        translates=(("scores",),),
    ),
]
