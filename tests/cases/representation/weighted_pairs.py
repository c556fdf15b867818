"""Cases of `jaxloss.representation.metric_learning.weighted_pairs`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases._complex_step import complex_step
from tests.cases.representation._shared import ROUNDED, SETS, cosine_table, in_sets, in_the_plane, labelled, sides


def _multi_similarity(x, y, positive_temperature=0.5, negative_temperature=0.02, base=0.5):
    alpha, beta = 1 / positive_temperature, 1 / negative_temperature
    cosines = cosine_table(x, x)
    return [
        np.log1p(np.sum(np.exp(-alpha * (s[near] - base)))) / alpha
        + np.log1p(np.sum(np.exp(beta * (s[far] - base)))) / beta
        for s, (_, near, far) in zip(cosines, sides(x, y), strict=True)
    ]


def _circle(x, y, margin=0.4, scale=80.0):
    def one(s, near, far):
        low = [-scale * max(0.0, 1 + margin - v) * (v - 1 + margin) for v in s[near]]
        high = [scale * max(0.0, v + margin) * (v - margin) for v in s[far]]
        return np.logaddexp(0, scipy.special.logsumexp(np.add.outer(low, high))) if near.any() and far.any() else 0.0

    return [one(s, near, far) for s, (_, near, far) in zip(cosine_table(x, x), sides(x, y), strict=True)]


def _circle_slopes(embeddings, labels, margin=0.4, scale=80.0, chunk_size=None):
    """With the weights of the pairs held constant."""
    unit = lambda x: x / np.sqrt(np.sum(x**2, -1, keepdims=True))
    table = lambda x: unit(x) @ np.swapaxes(unit(x), -1, -2)
    same = labels[..., :, None] == labels[..., None, :]
    near, far = same & ~np.eye(labels.shape[-1], dtype=bool), ~same
    fixed = table(embeddings)
    low, high = -scale * np.maximum(0, 1 + margin - fixed), scale * np.maximum(0, fixed + margin)
    complete = near.any(-1) & far.any(-1)

    def held(embeddings):
        cosines = table(embeddings)
        attracted = np.sum(np.where(near, np.exp(low * (cosines - 1 + margin)), 0), -1)
        repelled = np.sum(np.where(far, np.exp(high * (cosines - margin)), 0), -1)
        return np.where(complete, np.log(1 + attracted * repelled), 0)

    return complex_step(held, {"embeddings": embeddings}, ("embeddings",))


CASES = [
    Case(
        fn=jaxloss.multi_similarity_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_multi_similarity),
        source="formula of the paper, anchor by anchor",
        hypers={"positive_temperature": 0.75, "negative_temperature": 0.15, "base": 0.3, "chunk_size": 2},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"positive_temperature": 0.0}, {"negative_temperature": -1.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.circle_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_circle),
        source="formula of the paper, anchor by anchor",
        hypers={"margin": 0.3, "scale": 4.0, "chunk_size": 2},
        static=("chunk_size",),
        ends=({"margin": 0.0, "scale": 4.0, "chunk_size": 3}, {"margin": 1.0, "scale": 4.0, "chunk_size": 3}),
        slopes=_circle_slopes,
        meets=True,
        bad_hypers=({"margin": -0.1}, {"margin": 1.1}, {"scale": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        exempt={"derivatives": "the weights of pairs are constants of differentiation, as in the paper"},
        extremes=SETS,
    ),
]
