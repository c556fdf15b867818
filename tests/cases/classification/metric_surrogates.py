"""Cases of `jaxloss.classification.metric_surrogates`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases._packages import sklearn_metric


def _probs(rng, batch):
    return {"probs": rng.uniform(0.02, 0.98, batch), "targets": rng.uniform(0.02, 0.98, batch)}


def _soft_f(probs, targets, beta=1.0):
    """scikit-learn's score of a fuzzy prediction, as the four hard outcomes it is a mixture of."""

    def one(p, t):
        truth, guess = np.repeat([1, 1, 0, 0], p.size), np.tile(np.repeat([1, 0], p.size), 2)
        mixture = np.concatenate([t * p, t * (1 - p), (1 - t) * p, (1 - t) * (1 - p)])
        return 1 - sklearn_metric("fbeta_score")(truth, guess, beta=beta, sample_weight=mixture)

    pools = zip(probs.reshape(-1, probs.shape[-1]), targets.reshape(-1, probs.shape[-1]), strict=True)
    return np.array([one(p, t) for p, t in pools]).reshape(probs.shape[:-1])


def _alternating(rng, batch):
    """Scores with both classes in every part of the pool, so close that every pair is within the margin."""
    return {
        "scores": 0.2 * rng.uniform(size=batch),
        "targets": np.broadcast_to(np.arange(batch[-1]) % 2, batch).astype(float),
    }


def _few_positives(rng, batch):
    """One positive among all entries."""
    inputs = _alternating(rng, batch)
    return {**inputs, "targets": np.broadcast_to(np.arange(batch[-1]) == 1, batch).astype(float)}


def _ranked(rng, batch):
    inputs = _alternating(rng, batch)
    return {"scores": 4.0 * inputs["targets"] + rng.uniform(size=batch), "targets": inputs["targets"]}


def _pair_by_pair(scores, targets, margin=1.0, chunk_size=None):
    def one(s, t):
        return np.mean([max(0.0, margin - s[i] + s[j]) ** 2 for i in np.flatnonzero(t) for j in np.flatnonzero(t == 0)])

    pools = zip(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1, scores.shape[-1]), strict=True)
    return np.array([one(s, t) for s, t in pools]).reshape(scores.shape[:-1])


CASES = [
    Case(
        fn=jaxloss.soft_f1_loss,
        boolean=True,
        draw=_probs,
        oracle=_soft_f,
        source="sklearn.metrics.fbeta_score of the mixture of hard predictions",
        hypers={"beta": 1.7},
        bad_hypers=({"beta": 0.0},),
        pooled=True,
        extremes={
            "nothing": {"probs": np.zeros(3), "targets": np.zeros(3)},
            "all missed": {"probs": np.zeros(3), "targets": np.ones(3)},
            "tiny": {"probs": np.array([1e-30, 0.0, 1e-35]), "targets": np.zeros(3)},
            "certain": {"probs": np.array([1.0, 0.0]), "targets": np.array([1.0, 0.0])},
        },
        illegal={"probs": (-0.1, 1.5), "targets": (-0.1, 1.5)},
    ),
    Case(
        fn=jaxloss.pairwise_auc_loss,
        boolean=True,
        draw=_alternating,
        oracle=_pair_by_pair,
        source="formula, pair by pair",
        hypers={"margin": 0.7, "chunk_size": 2},
        static=("chunk_size",),
        fixed={"targets": "class labels, 0 or 1"},
        bad_hypers=({"margin": 0.0}, {"chunk_size": 0}),
        pooled=True,
        perfect=_ranked,
        convex=True,
        extremes={
            "large": {"scores": np.array([1e18, -1e18, 0.0]), "targets": np.array([0.0, 1.0, 1.0])},
            "ties": {"scores": np.zeros(3), "targets": np.array([0.0, 1.0, 1.0])},
            "one class": {"scores": np.array([1.0, 2.0]), "targets": np.ones(2)},
        },
        illegal={"targets": (0.5, -1.0)},
        structures={"few positives": _few_positives},
        translates=(("scores",),),
    ),
]
