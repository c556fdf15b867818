"""Cases of `jaxloss.representation.tuplets`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, cosine_table, in_sets, in_the_plane, labelled, sides


def _angular(x, y, angle=np.radians(40)):
    """Pair by pair, the terms of a triplet from its three unit vectors; summed over the positives of every anchor."""
    u, t = x / np.linalg.norm(x, axis=-1, keepdims=True), np.tan(angle) ** 2

    def one(i, p, far):
        terms = [4 * t * (u[i] + u[p]) @ u[n] - 2 * (1 + t) * u[i] @ u[p] for n in np.flatnonzero(far)]
        return np.logaddexp(0, scipy.special.logsumexp(terms))

    return [
        sum(one(i, p, far) for p in np.flatnonzero(near)) if far.any() else 0.0
        for i, (_, near, far) in enumerate(sides(x, y))
    ]


def _tuplet_margin(x, y, margin=0.1, scale=64.0):
    """Pair by pair, with the angle itself; summed over the positives of every anchor."""

    def one(cosines, p, far):
        rivals = [scale * (cosines[n] - np.cos(np.arccos(cosines[p]) - margin)) for n in np.flatnonzero(far)]
        return np.logaddexp(0, scipy.special.logsumexp(rivals))

    table = cosine_table(x, x)
    return [
        sum(one(table[i], p, far) for p in np.flatnonzero(near)) if far.any() else 0.0
        for i, (_, near, far) in enumerate(sides(x, y))
    ]


CASES = [
    Case(
        fn=jaxloss.angular_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_angular),
        source="Wang et al. (2017), triplet by triplet",
        hypers={"angle": 0.9, "chunk_size": 2},
        static=("chunk_size",),
        ends=({"angle": np.pi / 3, "chunk_size": 3},),
        meets=True,
        bad_hypers=({"angle": 0.0}, {"angle": 40.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.tuplet_margin_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_tuplet_margin),
        source="Yu and Tao (2019), pair by pair, with arccos of SciPy's cosines",
        hypers={"margin": 0.25, "scale": 4.0, "chunk_size": 2},
        static=("chunk_size",),
        ends=(
            {"margin": 0.0, "scale": 4.0, "chunk_size": 3},
            {"margin": np.pi / 2, "scale": 4.0, "chunk_size": 3},
        ),
        meets=True,
        bad_hypers=({"margin": -0.1}, {"margin": 5.73}, {"scale": 0.0}, {"chunk_size": 0}),
        ulps=2 * ROUNDED,
        extremes=SETS,
    ),
]
