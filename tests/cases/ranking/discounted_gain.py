"""Cases of `jaxloss.ranking.discounted_gain`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, RANKS, dcg, each_list, graded

TIES = "equal relevance is a kink of the best order"


def _separated(rng, batch):
    """Scores in the order of relevance, far apart."""
    relevance = graded(rng, batch)["relevance"]
    return {"scores": 10000.0 * relevance + 500.0 * rng.permuted(np.arange(batch[-1]) % 9), "relevance": relevance}


def _approx_ndcg(scores, relevance, temperature=0.1, chunk_size=None):
    n = len(scores)
    gains = 2**relevance - 1
    ranks = 0.5 + scipy.special.expit((scores - scores[:, None]) / temperature).sum(-1)
    return 1 - dcg(gains, ranks) / dcg(np.sort(gains)[::-1], np.arange(1, n + 1))


CASES = [
    Case(
        fn=jaxloss.approx_ndcg_loss,
        draw=graded,
        oracle=each_list(_approx_ndcg),
        source="Qin, Liu and Li (2010), equations 9 and 14",
        hypers={"temperature": 0.5, "chunk_size": 2},
        static=("chunk_size",),
        illegal={"relevance": (-1.0,)},
        pooled=True,
        single="a query may have one document",
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        fixed={"relevance": TIES},
        perfect=_separated,
        extremes=EDGES,
        exempt={"weight_is_repetition": RANKS},
        translates=(("scores",),),
    ),
]
