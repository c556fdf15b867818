"""Cases of `jaxloss.representation.contrast.supervised_contrast`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, cosine_table, in_sets, in_the_plane, labelled, sides


def _ntxent(x, y, temperature=0.07):
    """Summed over the positives of every anchor."""

    def one(s, near, far):
        return sum(-scipy.special.log_softmax([s[p], *s[far]])[0] for p in np.flatnonzero(near))

    logits = cosine_table(x, x) / temperature
    return [one(s, near, far) for s, (_, near, far) in zip(logits, sides(x, y), strict=True)]


def _supcon(x, y, temperature=0.1):
    def one(s, near, far):
        return np.mean(scipy.special.logsumexp(s[near | far]) - s[near]) if near.any() else 0.0

    logits = cosine_table(x, x) / temperature
    return [one(s, near, far) for s, (_, near, far) in zip(logits, sides(x, y), strict=True)]


CASES = [
    Case(
        fn=jaxloss.ntxent,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_ntxent),
        source="scipy.special.log_softmax of SciPy's cosines, pair by pair",
        hypers={"temperature": 0.6, "chunk_size": 2},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.supcon_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_supcon),
        source="scipy.special.logsumexp of SciPy's cosines, anchor by anchor",
        hypers={"temperature": 0.6, "chunk_size": 2},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=SETS,
    ),
]
