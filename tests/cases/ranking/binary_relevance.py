"""Cases of `jaxloss.ranking.binary_relevance`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.ranking._shared import EDGES, RANKS, each_list

ONLY_ABOVE = "only whether it is above 0 counts"


def _marked(rng, batch):
    """Every list has a relevant item and one that is not, also where one in three is masked."""
    relevance = (np.arange(batch[-1]) % 4 < 2) * rng.integers(1, 3, size=batch)
    return {"scores": 0.3 * rng.normal(size=batch), "relevance": relevance.astype(float)}


def _on_top(rng, batch):
    inputs = _marked(rng, batch)
    apart = 5e2 * rng.permuted(np.broadcast_to(np.arange(batch[-1]), batch), axis=-1)
    return {**inputs, "scores": 1e4 * (inputs["relevance"] > 0) + apart}


def _smooth_ap(scores, relevance, temperature=0.01, chunk_size=None):
    """Item by item, the precision as a ratio of two ranks."""
    relevant = np.flatnonzero(relevance > 0)
    above = lambda i, members: sum(
        scipy.special.expit((scores[j] - scores[i]) / temperature) for j in members if j != i
    )
    return 1 - np.mean([(1 + above(i, relevant)) / (1 + above(i, range(len(scores)))) for i in relevant])


def _approx_mrr(scores, relevance, temperature=0.1, chunk_size=None):
    ranks = 0.5 + scipy.special.expit((scores - scores[:, None]) / temperature).sum(-1)
    return 1 - max(1 / ranks[i] for i in np.flatnonzero(relevance > 0))


CASES = [
    Case(
        fn=fn,
        boolean=True,
        draw=_marked,
        oracle=each_list(oracle),
        source=source,
        hypers={"temperature": 0.5, "chunk_size": 2},
        static=("chunk_size",),
        illegal={"relevance": (-1.0,)},
        pooled=True,
        single="a query may have one document",
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        fixed={"relevance": ONLY_ABOVE},
        perfect=_on_top,
        extremes=EDGES,
        exempt={"weight_is_repetition": RANKS},
        translates=(("scores",),),
    )
    for fn, oracle, source in (
        (jaxloss.smooth_ap_loss, _smooth_ap, "Brown et al. (2020), equation 5, item by item"),
        (jaxloss.approx_mrr_loss, _approx_mrr, "Qin, Liu and Li (2010), with the largest reciprocal rank"),
    )
]
