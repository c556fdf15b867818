"""Cases of `jaxloss.ranking.relaxed_sorting`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, RANKS, dcg, each_list, graded

HELPERS = {"neural_sort": "the matrix that sorts a list, relaxed: not a loss"}

TIES = "equal relevance is a kink of the best order"


def _separated(rng, batch):
    """Scores in the order of relevance, far apart."""
    relevance = graded(rng, batch)["relevance"]
    return {"scores": 1e4 * relevance + 5e2 * rng.permuted(np.arange(batch[-1]) % 9), "relevance": relevance}


def sorting(scores, temperature):
    """NeuralSort's matrix, entry by entry."""
    n = len(scores)
    apart = [sum(abs(s - t) for t in scores) for s in scores]
    logits = [[(n + 1 - 2 * r) * scores[i] - apart[i] for i in range(n)] for r in range(1, n + 1)]
    return scipy.special.softmax(np.array(logits) / temperature, axis=-1)


def _neural_ndcg(scores, relevance, temperature=1.0, sinkhorn_iterations=50):
    """The matrix itself is scaled, by columns and then by rows."""
    matrix, gains = sorting(scores, temperature), 2**relevance - 1
    for _ in range(sinkhorn_iterations):
        matrix = matrix / matrix.sum(0, keepdims=True)
        matrix = matrix / matrix.sum(1, keepdims=True)
    ranks = np.arange(1, len(scores) + 1)
    return 1 - dcg(matrix @ gains, ranks) / dcg(np.sort(gains)[::-1], ranks)


CASES = [
    Case(
        fn=jaxloss.neural_ndcg_loss,
        draw=graded,
        oracle=each_list(_neural_ndcg),
        source="Pobrotyn and Białobrzeski (2021), equations 6 and 9, entry by entry",
        hypers={"temperature": 2.5, "sinkhorn_iterations": 3},
        static=("sinkhorn_iterations",),
        ends=({"temperature": 0.5, "sinkhorn_iterations": 0},),
        illegal={"relevance": (-1.0,)},
        pooled=True,
        single="a query may have one document",
        bad_hypers=({"temperature": 0.0}, {"sinkhorn_iterations": -1}, {"sinkhorn_iterations": 0.5}),
        fixed={"relevance": TIES},
        perfect=_separated,
        bound=None,
        cancels="it is the difference of two gains",
        extremes=EDGES,
        exempt={"weight_is_repetition": RANKS},
        translates=(("scores",),),
    ),
]
