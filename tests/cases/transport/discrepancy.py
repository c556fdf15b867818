"""Cases of `jaxloss.transport.discrepancy`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

import jaxloss
from tests.cases import Case
from tests.cases.transport._shared import CLOUDS, MASSES, by_pair, clouds, spread

DIFFERENCE = "a discrepancy is a difference of mean distances"


def _energy(x, y, a, b, chunk_size=None):
    mean = lambda u, v, s, t: s @ scipy.spatial.distance.cdist(u, v) @ t
    return 2 * mean(x, y, a, b) - mean(x, x, a, a) - mean(y, y, b, b)


def _kernel(u, v, bandwidths):
    squares = scipy.spatial.distance.cdist(u, v, "sqeuclidean")
    return np.mean([np.exp(-squares / (2 * s**2)) for s in bandwidths], axis=0)


def _mmd(x, y, a, b, bandwidths=(1.0,), chunk_size=None):
    mean = lambda u, v, s, t: s @ _kernel(u, v, bandwidths) @ t
    return mean(x, x, a, a) + mean(y, y, b, b) - 2 * mean(x, y, a, b)


def _unbiased_mmd(x, y, a, b, bandwidths=(1.0,), chunk_size=None):
    def within(z, s):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        kernel = _kernel(z, z, bandwidths)
        return sum(s[i] * s[j] * kernel[i, j] for i, j in pairs) / sum(s[i] * s[j] for i, j in pairs)

    return within(x, a) + within(y, b) - 2 * a @ _kernel(x, y, bandwidths) @ b


CASES = [
    Case(
        fn=jaxloss.energy_distance,
        draw=clouds,
        oracle=by_pair(_energy, 2),
        source="formula, with scipy.spatial.distance.cdist",
        hypers={"chunk_size": 3, **MASSES},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        cancels=DIFFERENCE,
        ulps=64,  # distances come from inner products, which cost digits where points are close
        extremes=CLOUDS,
        translates=(("predictions", "targets"),),
        spread=spread(2),
    ),
    Case(
        fn=jaxloss.mmd_loss,
        draw=clouds,
        oracle=by_pair(_mmd, 2),
        source="formula, with scipy.spatial.distance.cdist",
        hypers={"bandwidths": np.array([0.5, 2.0, 3.0]), "chunk_size": 3, **MASSES},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        cancels=DIFFERENCE,
        extremes=CLOUDS,
        translates=(("predictions", "targets"),),
        spread=spread(2),
    ),
    Case(
        fn=jaxloss.unbiased_mmd_loss,
        draw=clouds,
        oracle=by_pair(_unbiased_mmd, 2),
        source="formula, pair by pair",
        hypers={"bandwidths": np.array([0.5, 2.0, 3.0]), "chunk_size": 3, **MASSES},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        bound=None,
        cancels=DIFFERENCE,
        extremes=CLOUDS,
        translates=(("predictions", "targets"),),
        spread=spread(2),
    ),
]
