"""Lists of graded items, the gain of an order, and lists at the edges of the domain."""

from __future__ import annotations

import numpy as np

ONLY_ORDER = "only the order of relevance counts, not its values"
RANKS = "ranks count items, not weights: a copy would push others down"


def graded(rng, batch):
    """Grades with ties, and at least two of them in every list that has two items."""
    relevance = rng.integers(0, 4, size=batch).astype(float)
    relevance[..., :1], relevance[..., 1:2] = 3.0, 0.0
    return {"scores": 2 * rng.normal(size=batch), "relevance": relevance}


def each_list(fn):
    """``fn`` of the scores and relevance of one list, for all lists."""

    def oracle(scores, relevance, **hypers):
        values = [fn(scores[i], relevance[i], **hypers) for i in np.ndindex(scores.shape[:-1])]
        return np.reshape(values, scores.shape[:-1])

    return oracle


def dcg(gains, ranks):
    return np.sum(gains / np.log2(1 + ranks))


EDGES = {
    "one item": {"scores": np.array([[3.0]]), "relevance": np.array([[1.0]])},
    "nothing relevant": {"scores": np.array([[1.0, -1.0]]), "relevance": np.array([[0.0, 0.0]])},
    "ties": {"scores": np.zeros((1, 3)), "relevance": np.array([[1.0, 1.0, 0.0]])},
    "far": {"scores": np.array([[1e30, -1e30, 0.0]]), "relevance": np.array([[0.0, 1.0, 2.0]])},
}

NO_PAIR = {"further apart than float32 holds": {"scores": np.array([[3e38, -3e38]]), "relevance": np.ones((1, 2))}}
