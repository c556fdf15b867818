"""Cases of `jaxloss.representation.metric_learning.mined_triplets`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import GAPS, SETS, in_sets, in_the_plane, labelled, sides


def _clustered(rng, batch):
    """Equal examples within a class, classes far apart."""
    labels = labelled(rng, batch)["labels"]
    return {"embeddings": 9.0 * np.eye(4)[labels % 4], "labels": labels}


def _batch_all(x, y, margin=1.0, chunk_size=None):
    """Summed over the active triplets of every anchor."""
    return [
        sum(max(0.0, margin + d[p] - d[n]) for p in np.flatnonzero(near) for n in np.flatnonzero(far))
        for d, near, far in sides(x, y)
    ]


def _batch_hard(x, y, margin=1.0, chunk_size=None):
    return [
        max(0.0, margin + d[near].max() - d[far].min()) if near.any() and far.any() else 0.0
        for d, near, far in sides(x, y)
    ]


def _semi_hard(x, y, margin=1.0, chunk_size=None):
    """Summed over the positives of every anchor."""

    def one(d, near, far):
        chosen = [
            min((n for n in d[far] if n > d[p]), default=max(d[far], default=np.inf)) for p in np.flatnonzero(near)
        ]
        return sum(max(0.0, margin + p - n) for p, n in zip(d[near], chosen, strict=True))

    return [one(*sides) for sides in sides(x, y)]


CASES = [
    Case(
        fn=jaxloss.batch_all_triplet_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_batch_all),
        source="formula, triplet by triplet",
        hypers={"margin": 1.7, "chunk_size": 4},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"margin": 0.0}, {"chunk_size": 0}),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
        translates=(("embeddings",),),
    ),
    Case(
        fn=jaxloss.batch_hard_triplet_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_batch_hard),
        source="formula, anchor by anchor",
        hypers={"margin": 1.7, "chunk_size": 4},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"margin": 0.0}, {"chunk_size": 0}),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
        translates=(("embeddings",),),
    ),
    Case(
        fn=jaxloss.batch_semi_hard_triplet_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_semi_hard),
        source="formula of FaceNet, pair by pair",
        hypers={"margin": 1.7, "chunk_size": 4},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"margin": 0.0}, {"chunk_size": 0}),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
        translates=(("embeddings",),),
    ),
]
