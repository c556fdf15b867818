"""Cases of `jaxloss.classification.sampled` and `jaxloss.classification.adaptive`."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case

NEGATIVES = 6


def _scores(rng, batch):
    return {
        "positive_logits": 2 * rng.normal(size=batch),
        "negative_logits": 2 * rng.normal(size=(*batch, NEGATIVES)),
    }


def _scores_and_log_q(rng, batch):
    return {
        **_scores(rng, batch),
        "positive_log_q": np.log(rng.uniform(0.01, 0.5, batch)),
        "negative_log_q": np.log(rng.uniform(0.01, 0.5, (*batch, NEGATIVES))),
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

WIDTH, HEAD, TAILS = 6, 4, ((3, 5), (2, 8))
"""Features, classes of the head, and the width and the classes of each cluster."""


def _pairs(packed):
    """The kernels of the clusters, which the Case keeps in one vector: its inputs are arrays, not trees."""
    pairs, at = [], 0
    for width, classes in TAILS:
        ends = at + WIDTH * width, at + WIDTH * width + width * classes
        pairs.append((packed[at : ends[0]].reshape(WIDTH, width), packed[ends[0] : ends[1]].reshape(width, classes)))
        at = ends[1]
    return pairs


@functools.wraps(jaxloss.adaptive_softmax_loss)
def _packed_adaptive_softmax(hidden, labels, head_kernel, tail_kernels, **kwargs):
    pairs = _pairs(jnp.asarray(tail_kernels))
    return jaxloss.adaptive_softmax_loss(hidden, labels, head_kernel, pairs, **kwargs)


def _hidden(rng, batch):
    vocabulary = HEAD + sum(classes for _, classes in TAILS)
    size = sum(WIDTH * width + width * classes for width, classes in TAILS)
    kernels = np.random.default_rng(11)
    return {
        "hidden": rng.normal(size=(*batch, WIDTH)),
        "labels": rng.integers(0, vocabulary, batch).astype(np.int32),
        "head_kernel": kernels.normal(size=(WIDTH, HEAD + len(TAILS))),
        "tail_kernels": kernels.normal(size=size),
    }


def _whole_vocabulary(hidden, labels, head_kernel, tail_kernels):
    """Log-probabilities of every class, side by side."""
    head = scipy.special.log_softmax(hidden @ head_kernel, -1)
    blocks = [head[..., :HEAD]]
    for i, (projection, kernel) in enumerate(_pairs(tail_kernels)):
        below = scipy.special.log_softmax(hidden @ (projection @ kernel), -1)
        blocks.append(head[..., HEAD + i : HEAD + i + 1] + below)
    return -np.take_along_axis(np.concatenate(blocks, -1), labels[..., None], -1)[..., 0]


CASES = [
    Case(
        fn=jaxloss.sampled_softmax_loss,
        draw=_scores_and_log_q,
        oracle=_softmax,
        source="formula of the paper as a sum of odds",
        convex=True,
        extremes=EXTREMES,
    ),
    Case(
        fn=jaxloss.nce_loss,
        draw=_scores_and_log_q,
        oracle=_posterior,
        source="Bayes' rule in densities",
        convex=True,
        extremes=EXTREMES,
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
    ),
    Case(
        fn=_packed_adaptive_softmax,
        draw=_hidden,
        oracle=_whole_vocabulary,
        source="scipy.special.log_softmax over the whole vocabulary",
        shared=("head_kernel", "tail_kernels"),
        convex=True,
        extremes={
            "saturated": {**(drawn := _hidden(np.random.default_rng(3), (4,))), "hidden": 1e4 * drawn["hidden"]},
            "no features": {**drawn, "hidden": np.zeros((4, WIDTH))},
        },
        labels="labels",
        classes=lambda _: HEAD + sum(classes for _, classes in TAILS),
    ),
]
