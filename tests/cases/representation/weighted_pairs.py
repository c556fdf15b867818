"""Cases of `jaxloss.representation.weighted_pairs`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, cosine_table, in_sets, labelled, sides


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


CASES = [
    Case(
        fn=jaxloss.multi_similarity_loss,
        draw=labelled,
        oracle=in_sets(_multi_similarity),
        source="formula of the paper, anchor by anchor",
        hypers={"positive_temperature": 0.75, "negative_temperature": 0.15, "base": 0.3},
        meets=True,
        bad_hypers=({"positive_temperature": 0.0}, {"negative_temperature": -1.0}),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.circle_loss,
        draw=labelled,
        oracle=in_sets(_circle),
        source="formula of the paper, anchor by anchor",
        hypers={"margin": 0.3, "scale": 4.0},
        meets=True,
        bad_hypers=({"margin": -0.1}, {"margin": 1.1}, {"scale": 0.0}),
        ulps=ROUNDED,
        exempt={"derivatives": "the weights of pairs are constants of differentiation, as in the paper"},
        extremes=SETS,
    ),
]
