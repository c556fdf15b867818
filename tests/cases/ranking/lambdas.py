"""Cases of `jaxloss.ranking.lambdas`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, NO_PAIR, ONLY_ORDER, RANKS, dcg, each_list, graded


def _weighted_pairs(scores, relevance, swap_weight=1.0, gap_weight=10.0, chunk_size=None):
    """The NDCG before and after every swap, and the bound of NDCG-Loss2."""
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
                apart = abs(ranks[i] - ranks[j])
                bound = abs(gains[i] - gains[j]) / ideal * (1 / np.log2(1 + apart) - 1 / np.log2(2 + apart))
                total += (swap_weight * change + gap_weight * bound) * np.logaddexp(0, scores[j] - scores[i])
    return total


CASES = [
    Case(
        fn=jaxloss.lambdarank_loss,
        draw=graded,
        oracle=each_list(lambda *lists, **options: _weighted_pairs(*lists, gap_weight=0.0, **options)),
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
    Case(
        fn=jaxloss.lambda_loss,
        draw=graded,
        oracle=each_list(_weighted_pairs),
        source="Wang et al. (2018), with the NDCG before and after every swap",
        illegal={"relevance": (-1.0,)},
        hypers={"swap_weight": 0.5, "gap_weight": 2.0, "chunk_size": 2},
        static=("chunk_size",),
        fixed=dict.fromkeys(("swap_weight", "gap_weight"), "it is in the weights of pairs, which are constants")
        | {"relevance": ONLY_ORDER},
        constant=dict.fromkeys(("swap_weight", "gap_weight"), "it is in the weights of pairs, which are constants")
        | {"relevance": ONLY_ORDER},
        ends=(
            {"swap_weight": 0.0, "gap_weight": 1.0, "chunk_size": 3},
            {"swap_weight": 1.0, "gap_weight": 0.0, "chunk_size": 3},
        ),
        bad_hypers=({"swap_weight": -1.0}, {"gap_weight": -0.5}, {"chunk_size": 0}),
        pooled=True,
        single="a query may have one document",
        extremes=EDGES | NO_PAIR,
        exempt={"weight_is_repetition": RANKS},
        translates=(("scores",),),
    ),
]
