"""Cases of `jaxloss.representation.contrast.retrieval`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, D, matched_sets, vectors


def _drawn(size=D):
    """Items of which some are in a set more than once."""

    def draw(rng, batch):
        inputs = vectors("queries", "items", size=size)(rng, batch)
        ids = rng.integers(0, max(2, batch[-1]), size=batch).astype(np.int32)
        return {**inputs, "item_ids": ids, "item_log_q": np.log(rng.uniform(0.05, 0.9, size=batch))}

    return draw


def _in_batch(queries, items, item_ids, item_log_q, temperature=1.0, chunk_size=None):
    """Query by query, without the rows of its own item."""

    def one(i, x, y, ids, log_q):
        logits = [x[i] @ y[i] / temperature - log_q[i]]
        logits += [x[i] @ y[j] / temperature - log_q[j] for j in range(len(y)) if ids[j] != ids[i]]
        return -scipy.special.log_softmax(logits)[0]

    batch = item_ids.shape
    sets = lambda i: (x[i[:-1]] for x in (queries, items, item_ids, item_log_q))
    return np.reshape([one(i[-1], *sets(i)) for i in np.ndindex(batch)], batch)


def _edges():
    found = {}
    for name, both in matched_sets("queries", "items").items():
        factor, size = (1e-15 if name == "large" else 1.0), len(both["queries"])
        vectors = {key: factor * x for key, x in both.items()}
        found[name] = {**vectors, "item_ids": np.arange(size), "item_log_q": np.linspace(-1.0, 0.0, size)}
    found["one item"] = {**found["identical"], "item_ids": np.ones(3, int)}
    found["rare"] = {**found["identical"], "item_log_q": np.array([-1e4, -80.0, 0.0])}
    return found


CASES = [
    Case(
        fn=jaxloss.in_batch_softmax_loss,
        draw=_drawn(),
        structures={"one feature": _drawn(1)},
        oracle=_in_batch,
        source="Yi et al. (2019), query by query, with scipy.special.log_softmax",
        hypers={"temperature": 0.6, "chunk_size": 2},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=4 * ROUNDED,  # inner products of any size are exponents
        translates=(("item_log_q",),),
        extremes=_edges(),
    ),
]
