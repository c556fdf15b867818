"""Cases of `jaxloss.classification.large_vocabularies.sampled`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case

NEGATIVES = 6


def _scores(rng, batch, negatives=NEGATIVES):
    return {
        "positive_logits": 2 * rng.normal(size=batch),
        "negative_logits": 2 * rng.normal(size=(*batch, negatives)),
    }


def _scores_and_log_q(rng, batch, negatives=NEGATIVES):
    return {
        **_scores(rng, batch, negatives),
        "positive_log_q": np.log(rng.uniform(0.01, 0.5, batch)),
        "negative_log_q": np.log(rng.uniform(0.01, 0.5, (*batch, negatives))),
    }


def _softmax(positive_logits, negative_logits, positive_log_q, negative_log_q):
    odds = np.exp(negative_logits - negative_log_q - (positive_logits - positive_log_q)[..., None])
    return np.log1p(odds.sum(-1))


def _posterior(positive_logits, negative_logits, positive_log_q, negative_log_q):
    """Data against noise by Bayes' rule, in densities."""
    k = negative_logits.shape[-1]
    data = np.exp(positive_logits) / (np.exp(positive_logits) + k * np.exp(positive_log_q))
    noise = k * np.exp(negative_log_q) / (np.exp(negative_logits) + k * np.exp(negative_log_q))
    return -np.log(data) - np.log(noise).sum(-1)


SATURATED = {"positive_logits": np.array([-1e4, 1e4]), "negative_logits": np.array([[1e4, 0.0], [-1e4, 0.0]])}
NONE_LEFT = {"positive_logits": np.array([1.0]), "negative_logits": np.full((1, 2), -np.inf)}
EVEN = lambda scores: {
    **scores,
    "positive_log_q": np.full_like(scores["positive_logits"], -2.0),
    "negative_log_q": np.full_like(scores["negative_logits"], -2.0),
}
EXTREMES = {"saturated": EVEN(SATURATED), "none left": EVEN(NONE_LEFT)}

CASES = [
    Case(
        fn=jaxloss.sampled_softmax_loss,
        draw=_scores_and_log_q,
        oracle=_softmax,
        source="formula of the paper as a sum of odds",
        convex=True,
        extremes=EXTREMES,
        structures={"one negative": lambda rng, batch: _scores_and_log_q(rng, batch, 1)},
        translates=(
            ("positive_logits", "negative_logits"),
            ("positive_logits", "positive_log_q"),
            ("negative_logits", "negative_log_q"),
            ("positive_log_q", "negative_log_q"),
        ),
    ),
    Case(
        fn=jaxloss.nce_loss,
        draw=_scores_and_log_q,
        oracle=_posterior,
        source="Bayes' rule in densities",
        convex=True,
        extremes=EXTREMES,
        structures={"one negative": lambda rng, batch: _scores_and_log_q(rng, batch, 1)},
        translates=(("positive_logits", "positive_log_q"), ("negative_logits", "negative_log_q")),
    ),
    Case(
        fn=jaxloss.negative_sampling_loss,
        draw=_scores,
        oracle=lambda positive_logits, negative_logits: (
            -(scipy.special.log_expit(positive_logits) + scipy.special.log_expit(-negative_logits).sum(-1))
        ),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"saturated": SATURATED, "none left": NONE_LEFT},
        structures={"one negative": lambda rng, batch: _scores(rng, batch, 1)},
    ),
]
