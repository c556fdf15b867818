"""Cases of `jaxloss.representation.contrast.momentum_contrast`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, D, cosine_table, matched_sets, vectors


def _queued(count, size):
    return lambda rng, batch: {
        **vectors("queries", "keys", size=size)(rng, batch),
        "negatives": np.random.default_rng(7).normal(size=(count, size)),
    }


def _queue(queries, keys, negatives, temperature=0.07, chunk_size=None):
    flat = zip(*(x.reshape(-1, x.shape[-1]) for x in (queries, keys)), strict=True)
    logits = [cosine_table(q[None], np.stack([k, *negatives]))[0] / temperature for q, k in flat]
    return np.array([-scipy.special.log_softmax(row)[0] for row in logits]).reshape(queries.shape[:-1])


CASES = [
    Case(
        fn=jaxloss.infonce_with_queue_loss,
        draw=_queued(4, D),
        structures={"one negative": _queued(1, D), "two features": _queued(4, 2)},
        oracle=_queue,
        source="scipy.special.log_softmax of SciPy's cosines",
        hypers={"temperature": 0.6, "chunk_size": 2},
        static=("chunk_size",),
        shared=("negatives",),
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes={n: {**x, "negatives": x["keys"]} for n, x in matched_sets("queries", "keys").items()},
    ),
]
