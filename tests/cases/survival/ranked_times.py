"""Cases of `jaxloss.survival.ranked_times`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape


def _subjects(num_intervals: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        intervals = rng.integers(0, num_intervals, size=batch).astype(np.int32)
        events = rng.uniform(size=batch) < 0.7
        # Some pair can be compared.
        intervals[..., :1], intervals[..., -1:], events[..., :1] = 0, num_intervals - 1, True
        return {"logits": rng.normal(size=(*batch, num_intervals)), "intervals": intervals, "events": events}

    return draw


def _ranking(logits, intervals, events, sigma=0.1, chunk_size=None):
    """Pair by pair."""
    del chunk_size
    risks = np.cumsum(scipy.special.softmax(logits, axis=-1), axis=-1)
    values = np.zeros(intervals.shape[:-1])
    for b in np.ndindex(values.shape):
        f, k, e = risks[b], intervals[b], events[b]
        pairs = [
            np.exp(-(f[i, k[i]] - f[j, k[i]]) / sigma)
            for i in range(len(k))
            for j in range(len(k))
            if e[i] and (k[j] > k[i] or (k[j] == k[i] and not e[j]))
        ]
        values[b] = np.mean(pairs) if pairs else np.nan
    return values


CERTAIN = 50 * np.eye(3)

CASES = [
    Case(
        fn=jaxloss.deephit_ranking_loss,
        draw=_subjects(4),
        oracle=_ranking,
        source="Lee et al. (2018), pair by pair",
        pooled=True,
        hypers={"sigma": 0.5, "chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"sigma": 0.0}, {"sigma": -1.0}, {"chunk_size": 0}),
        labels="intervals",
        structures={"two intervals": _subjects(2)},
        extremes={
            "certain": {
                "logits": np.stack([CERTAIN, CERTAIN[::-1]]),
                "intervals": np.array([[0, 1, 2], [0, 1, 2]], np.int32),
                "events": np.array([[True, True, False], [True, True, False]]),
            },
            "no pairs": {
                "logits": np.zeros((2, 3, 3)),
                "intervals": np.ones((2, 3), np.int32),
                "events": np.array([[True, True, True], [False, False, False]]),
            },
            "impossible": {
                "logits": np.array([[[0.0, -np.inf, 0.0], [-np.inf, -np.inf, 0.0], [1.0, 2.0, 3.0]]]),
                "intervals": np.array([[0, 1, 2]], np.int32),
                "events": np.array([[True, True, False]]),
            },
        },
    ),
]
