"""Cases of `jaxloss.ranking`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case

ONLY_ORDER = "only the order of relevance counts, not its values"
TIES = "equal relevance is a kink of the best order"
LABELLED = "a weight scales the part of an item in the sum, a copy would also compete with it"
RANKS = "ranks count items, not weights: a copy would push others down"


def _graded(rng, batch):
    """Grades with ties, and at least two of them in every list that has two items."""
    relevance = rng.integers(0, 4, size=batch).astype(float)
    relevance[..., :1], relevance[..., 1:2] = 3.0, 0.0
    return {"scores": 2 * rng.normal(size=batch), "relevance": relevance}


def _relevant(rng, batch):
    return {"scores": 2 * rng.normal(size=batch), "relevance": rng.gamma(1.0, size=batch)}


def _separated(rng, batch):
    """Scores in the order of relevance, far apart."""
    relevance = _graded(rng, batch)["relevance"]
    return {"scores": 10000.0 * relevance + 500.0 * rng.permuted(np.arange(batch[-1]) % 9), "relevance": relevance}


def _in_steps(rng, batch):
    relevance = _graded(rng, batch)["relevance"]
    return {"scores": 3.0 * relevance + rng.uniform(-0.9, 0.9, size=batch), "relevance": relevance}


def _each_list(fn):
    """``fn`` of the scores and relevance of one list, for all lists."""

    def oracle(scores, relevance, **hypers):
        values = [fn(scores[i], relevance[i], **hypers) for i in np.ndindex(scores.shape[:-1])]
        return np.reshape(values, scores.shape[:-1])

    return oracle


def _plackett_luce(scores, relevance):
    nlls = [scipy.special.logsumexp(scores[relevance <= y]) - s for s, y in zip(scores, relevance, strict=True)]
    return np.sum(nlls)


def _mean_of_pairs(loss):
    def of_list(scores, relevance):
        better, worse = np.nonzero(relevance[:, None] > relevance)
        return np.mean([loss(scores[i] - scores[j]) for i, j in zip(better, worse, strict=True)])

    return _each_list(of_list)


def _dcg(gains, ranks):
    return np.sum(gains / np.log2(1 + ranks))


def _lambdarank(scores, relevance):
    n = len(scores)
    gains = 2**relevance - 1
    ranks = np.argsort(np.argsort(-scores, kind="stable")) + 1.0
    ideal = _dcg(np.sort(gains)[::-1], np.arange(1, n + 1))
    total = 0.0
    for i in range(n):
        for j in range(n):
            if relevance[i] > relevance[j]:
                swapped = ranks.copy()
                swapped[[i, j]] = swapped[[j, i]]
                change = abs(_dcg(gains, ranks) - _dcg(gains, swapped)) / ideal
                total += change * np.logaddexp(0, scores[j] - scores[i])
    return total


def _approx_ndcg(scores, relevance, temperature=0.1):
    n = len(scores)
    gains = 2**relevance - 1
    ranks = 0.5 + scipy.special.expit((scores - scores[:, None]) / temperature).sum(-1)
    return 1 - _dcg(gains, ranks) / _dcg(np.sort(gains)[::-1], np.arange(1, n + 1))


def _comparison(rng, batch):
    return {**draws.pair("first_scores", "second_scores")(rng, batch), "targets": rng.choice([-1.0, 1.0], size=batch)}


def _decided(rng, batch):
    targets = rng.choice([-1.0, 1.0], size=batch)
    second = rng.normal(size=batch)
    return {"first_scores": second + 2 * targets, "second_scores": second, "targets": targets}


EDGES = {
    "one item": {"scores": np.array([[3.0]]), "relevance": np.array([[1.0]])},
    "nothing relevant": {"scores": np.array([[1.0, -1.0]]), "relevance": np.array([[0.0, 0.0]])},
    "ties": {"scores": np.zeros((1, 3)), "relevance": np.array([[1.0, 1.0, 0.0]])},
    "far": {"scores": np.array([[1e30, -1e30, 0.0]]), "relevance": np.array([[0.0, 1.0, 2.0]])},
}

CASES = [
    Case(
        fn=jaxloss.ranking_softmax_loss,
        draw=_relevant,
        oracle=lambda scores, relevance: -np.sum(relevance * scipy.special.log_softmax(scores, axis=-1), axis=-1),
        source="scipy.special.log_softmax",
        pooled=True,
        convex=True,
        extremes={
            **EDGES,
            "an absent item": {"scores": np.array([[-np.inf, 1.0]]), "relevance": np.array([[0.0, 1.0]])},
        },
        exempt={"weight_is_repetition": LABELLED},
    ),
    Case(
        fn=jaxloss.listmle_loss,
        draw=_graded,
        oracle=_each_list(_plackett_luce),
        source="scipy.special.logsumexp",
        pooled=True,
        fixed={"relevance": ONLY_ORDER},
        convex=True,
        extremes=EDGES,
        exempt={"weight_is_repetition": LABELLED},
    ),
    Case(
        fn=jaxloss.pairwise_logistic_loss,
        draw=_graded,
        oracle=_mean_of_pairs(lambda margin: np.logaddexp(0, -margin)),
        source="Burges et al. (2005), over pairs",
        pooled=True,
        fixed={"relevance": ONLY_ORDER},
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.pairwise_hinge_loss,
        draw=_graded,
        oracle=_mean_of_pairs(lambda margin: max(0.0, 1 - margin)),
        source="Joachims (2002), over pairs",
        pooled=True,
        fixed={"relevance": ONLY_ORDER},
        perfect=_in_steps,
        convex=True,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.lambdarank_loss,
        draw=_graded,
        oracle=_each_list(_lambdarank),
        source="Burges (2010), the NDCG before and after every swap",
        pooled=True,
        fixed={"relevance": ONLY_ORDER},
        extremes=EDGES,
        exempt={"weight_is_repetition": RANKS},
    ),
    Case(
        fn=jaxloss.approx_ndcg_loss,
        draw=_graded,
        oracle=_each_list(_approx_ndcg),
        source="Qin, Liu and Li (2010), equations 9 and 14",
        hypers={"temperature": 0.5},
        pooled=True,
        bad_hypers=({"temperature": 0.0},),
        fixed={"relevance": TIES},
        perfect=_separated,
        extremes=EDGES,
        exempt={"weight_is_repetition": RANKS},
    ),
    Case(
        fn=jaxloss.bpr_loss,
        draw=draws.pair("positive_scores", "negative_scores"),
        oracle=lambda positive_scores, negative_scores: -scipy.special.log_expit(positive_scores - negative_scores),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"far": {"positive_scores": np.array([1e30, -1e30]), "negative_scores": np.array([-1e30, 1e30])}},
    ),
    Case(
        fn=jaxloss.margin_ranking_loss,
        draw=_comparison,
        oracle=lambda first_scores, second_scores, targets, margin=0.0: np.clip(
            margin - targets * (first_scores - second_scores), 0, None
        ),
        source="Herbrich, Graepel and Obermayer (2000)",
        hypers={"margin": 0.5},
        bad_hypers=({"margin": -0.1},),
        fixed={"targets": "a choice of two values: -1 and +1"},
        perfect=_decided,
        convex=True,
        extremes={
            "equal and far": {
                "first_scores": np.array([1.0, 1e30]),
                "second_scores": np.array([1.0, -1e30]),
                "targets": np.array([1.0, -1.0]),
            }
        },
    ),
]
