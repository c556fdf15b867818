"""Cases of `jaxloss.classification.areas_under_curves.partial_areas`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case


def _alternating(rng, batch):
    """Scores with both classes in every part of the pool, so close that every pair is within the margin."""
    return {
        "scores": 0.2 * rng.uniform(size=batch),
        "targets": np.broadcast_to(np.arange(batch[-1]) % 2, batch).astype(float),
    }


def _ranked(rng, batch):
    inputs = _alternating(rng, batch)
    return {"scores": 4.0 * inputs["targets"] + rng.uniform(size=batch), "targets": inputs["targets"]}


def _soft(costs, temperature):
    return temperature * scipy.special.logsumexp(np.array(costs) / temperature, b=1 / len(costs))


def _pair_by_pair(scores, targets, negative_temperature=1.0, positive_temperature=None, margin=1.0, chunk_size=None):
    def one(s, t):
        cost = lambda i, j: max(0.0, margin - s[i] + s[j]) ** 2
        rows = [_soft([cost(i, j) for j in np.flatnonzero(t == 0)], negative_temperature) for i in np.flatnonzero(t)]
        return np.mean(rows) if positive_temperature is None else _soft(rows, positive_temperature)

    pools = zip(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1, scores.shape[-1]), strict=True)
    return np.reshape([one(s, t) for s, t in pools], scores.shape[:-1])


CASES = [
    Case(
        fn=jaxloss.partial_auc_loss,
        boolean=True,
        draw=_alternating,
        oracle=_pair_by_pair,
        source="Zhu et al. (2022), pair by pair, with scipy.special.logsumexp",
        hypers={"negative_temperature": 0.3, "positive_temperature": 0.7, "margin": 0.7, "chunk_size": 2},
        static=("chunk_size",),
        fixed={"targets": "class labels, 0 or 1"},
        bad_hypers=(
            {"negative_temperature": 0.0},
            {"positive_temperature": 0.0},
            {"margin": 0.0},
            {"chunk_size": 0},
        ),
        pooled=True,
        perfect=_ranked,
        convex=True,
        ulps=8,
        extremes={
            "large": {"scores": np.array([1e18, -1e18, 0.0]), "targets": np.array([0.0, 1.0, 1.0])},
            "ties": {"scores": np.zeros(3), "targets": np.array([0.0, 1.0, 1.0])},
            "one class": {"scores": np.array([1.0, 2.0]), "targets": np.ones(2)},
        },
        illegal={"targets": (0.5, -1.0)},
        translates=(("scores",),),
    ),
]
