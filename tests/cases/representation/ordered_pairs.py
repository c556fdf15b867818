"""Cases of `jaxloss.representation.contrast.ordered_pairs`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import COSINE, ROUNDED, D, vectors

ONLY_ORDER = "only the order of the scores counts, not their values"


def _scored(size=D):
    """Pairs with scores in steps of a fifth, so that some are equal and some are not."""

    def draw(rng, batch):
        targets = rng.integers(0, 6, size=batch) / 5
        targets[..., :1], targets[..., 1:2] = 1.0, 0.0
        return {**vectors("anchors", "others", size=size)(rng, batch), "targets": targets}

    return draw


def _cosent(anchors, others, targets, temperature=0.05, chunk_size=None):
    """Pair by pair of pairs."""

    def one(cosines, scores):
        n = range(len(scores))
        total = [np.exp((cosines[j] - cosines[i]) / temperature) for i in n for j in n if scores[i] > scores[j]]
        return np.log1p(np.sum(total))

    batch, cosines = targets.shape[:-1], 1 - COSINE(anchors, others)
    return np.reshape([one(cosines[i], targets[i]) for i in np.ndindex(batch)], batch)


def _edge(anchors, others, targets):
    return {"anchors": anchors, "others": others, "targets": np.array(targets)}


CASES = [
    Case(
        fn=jaxloss.cosent_loss,
        draw=_scored(),
        structures={"two features": _scored(2)},
        oracle=_cosent,
        source="Su (2022), pair by pair, with SciPy's cosines",
        hypers={"temperature": 0.75, "chunk_size": 2},
        static=("chunk_size",),
        pooled=True,
        fixed={"targets": ONLY_ORDER},
        constant={"targets": ONLY_ORDER},
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=2 * ROUNDED,
        exempt={"weight_is_repetition": "a sum of pairs inside a logarithm counts copies, and grows with all weights"},
        extremes={
            "equal": _edge(np.ones((3, 2)), np.ones((3, 2)), [0.0, 1.0, 2.0]),
            "zeros": _edge(np.zeros((3, 2)), np.ones((3, 2)), [0.0, 1.0, 2.0]),
            "one score": _edge(np.eye(2), np.ones((2, 2)), [1.0, 1.0]),
            "wrong": _edge(np.ones((2, 2)), np.array([[1.0, 1.0], [-1.0, -1.0]]), [0.0, 1.0]),
            "right": _edge(np.ones((2, 2)), np.array([[1.0, 1.0], [-1.0, -1.0]]), [1.0, 0.0]),
            "large": _edge(1e30 * np.eye(2), 1e-30 * np.ones((2, 2)), [0.0, 3e38]),
            "alone": _edge(np.ones((1, 2)), np.ones((1, 2)), [1.0]),
        },
    ),
]
