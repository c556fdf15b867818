"""Cases of `jaxloss.representation.metric_learning.neighborhoods`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, in_sets, in_the_plane, labelled, sides


def _nca(x, y, temperature=1.0):
    """The share of the own class among all other examples, anchor by anchor."""

    def one(d, near, far):
        shares = np.exp(-(d**2 - np.min(d[near | far], initial=np.inf) ** 2) / temperature)
        return -np.log(np.sum(shares[near]) / np.sum(shares[near | far])) if near.any() else 0.0

    return [one(*three) for three in sides(x, y)]


CASES = [
    Case(
        fn=jaxloss.nca_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_nca),
        source="Goldberger et al. (2004), anchor by anchor, with SciPy's distances",
        hypers={"temperature": 0.75, "chunk_size": 2},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=4 * ROUNDED,  # squared distances of up to 30 are exponents
        translates=(("embeddings",),),
        extremes={name: x for name, x in SETS.items() if name != "large"}
        | {"large": {**SETS["large"], "embeddings": 1e-15 * SETS["large"]["embeddings"]}},
    ),
]
