"""Cases of `jaxloss.representation.contrast.hard_negatives`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, cosine_table, in_sets, in_the_plane, labelled, sides


def _hard(x, y, temperature=0.5, hardness=1.0, class_prior=0.1):
    """Summed over the positives of every anchor; exponentials as they are."""
    table = np.exp(cosine_table(x, x) / temperature)

    def one(e, near, far):
        if not (near.any() and far.any()):
            return 0.0
        count, share = far.sum(), e[far] ** hardness / np.sum(e[far] ** hardness)
        total = 0.0
        for positive in e[near]:
            rest = count * (np.sum(share * e[far]) - class_prior * positive) / (1 - class_prior)
            total -= np.log(positive / (positive + max(rest, count * np.exp(-1 / temperature))))
        return total

    return [one(e, near, far) for e, (_, near, far) in zip(table, sides(x, y), strict=True)]


HYPERS = {"temperature": 0.75, "hardness": 0.5, "class_prior": 0.05, "chunk_size": 2}

CASES = [
    Case(
        fn=jaxloss.hard_negative_contrastive_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_hard),
        source="Robinson et al. (2021), positive by positive, with SciPy's cosines",
        hypers=HYPERS,
        static=("chunk_size",),
        ends=({**HYPERS, "hardness": 0.0}, {**HYPERS, "class_prior": 0.0}),
        meets=True,
        bad_hypers=(
            {"temperature": 0.0},
            {"hardness": -0.1},
            {"class_prior": -0.1},
            {"class_prior": 1.0},
            {"chunk_size": 0},
        ),
        ulps=2 * ROUNDED,
        extremes=SETS,
    ),
]
