"""Cases of `jaxloss.representation.metric_learning.active_pairs`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import GAPS, SETS, in_sets, in_the_plane, labelled, sides


def _clustered(rng, batch):
    """Equal examples within a class, classes far apart."""
    labels = labelled(rng, batch)["labels"]
    return {"embeddings": 99.0 * np.eye(4)[labels % 4], "labels": labels}


def _beta_margin(x, y, boundary=1.2, margin=0.2, chunk_size=None):
    """Summed over the terms of all triplets of an anchor, of which those above 0 count: its weight is their number."""
    return [
        sum(
            max(0.0, d[p] - boundary + margin) + max(0.0, boundary - d[n] + margin)
            for p in np.flatnonzero(near)
            for n in np.flatnonzero(far)
        )
        for d, near, far in sides(x, y)
    ]


def _lifted_structure(x, y, margin=1.0, chunk_size=None):
    """Summed over the positives of every anchor."""
    rows = list(sides(x, y))

    def one(i, p):
        d, _, far = rows[i]
        other, _, other_far = rows[p]
        hinge = d[p] + scipy.special.logsumexp(np.concatenate([margin - d[far], margin - other[other_far]]))
        return max(0.0, hinge) ** 2 / 2

    return [sum(one(i, p) for p in np.flatnonzero(near)) if far.any() else 0.0 for i, (_, near, far) in enumerate(rows)]


MODERATE = {name: x for name, x in SETS.items() if name != "large"} | {
    "large": {**SETS["large"], "embeddings": 1e-15 * SETS["large"]["embeddings"]}
}

CASES = [
    Case(
        fn=jaxloss.beta_margin_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_beta_margin),
        source="Wu et al. (2017), triplet by triplet, with SciPy's distances",
        hypers={"boundary": 1.7, "margin": 0.3, "chunk_size": 4},
        static=("chunk_size",),
        ends=({"boundary": 1.7, "margin": 0.0, "chunk_size": 3},),
        meets=True,
        bad_hypers=({"boundary": 0.0}, {"margin": -0.1}, {"chunk_size": 0}),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
        translates=(("embeddings",),),
    ),
    Case(
        fn=jaxloss.lifted_structure_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_lifted_structure),
        source="Oh Song et al. (2016), pair by pair, with SciPy's distances",
        hypers={"margin": 1.7, "chunk_size": 4},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"margin": 0.0}, {"chunk_size": 0}),
        perfect=_clustered,
        cancels=GAPS,
        extremes=MODERATE,
        translates=(("embeddings",),),
    ),
]
