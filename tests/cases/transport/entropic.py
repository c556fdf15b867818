"""Cases of `jaxloss.transport.entropic`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.spatial.distance

import jaxloss
from tests.cases import Case
from tests.cases.transport._shared import CLOUDS, MASSES, by_pair, clouds, spread

STRENGTH = 16.0
"""Strong enough that a few iterations find the optimum."""


def _transport(x, y, a, b, regularization, **_):
    """POT leaves the divergence from the product of the masses out of the value; without POT the test is skipped."""
    ot = pytest.importorskip("ot")
    cost = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
    plan = ot.sinkhorn(a, b, cost, reg=regularization, method="sinkhorn_log", stopThr=1e-15, numItermax=200, warn=False)
    return np.sum(plan * cost) + regularization * np.sum(plan * np.log(plan / np.outer(a, b)))


def _divergence(x, y, a, b, regularization, **_):
    own = _transport(x, x, a, a, regularization) + _transport(y, y, b, b, regularization)
    return _transport(x, y, a, b, regularization) - own / 2


def _line(rng, batch):
    return {name: points[..., :1] for name, points in clouds(rng, batch).items()}


HYPERS = {"regularization": STRENGTH, "max_iterations": 500, "allow_unconverged": True, **MASSES}
BAD = (
    {"regularization": 0.0},
    {"regularization": -1.0},
    {"regularization": 1.0, "max_iterations": 0},
    {"regularization": 1.0, "max_iterations": 10.0},
)

CASES = [
    Case(
        fn=jaxloss.entropic_transport_loss,
        draw=clouds,
        oracle=by_pair(_transport, 2),
        source="the plan of ot.sinkhorn, and the docstring's formula",
        hypers=HYPERS,
        static=("max_iterations", "allow_unconverged"),
        bad_hypers=BAD,
        structures={"one feature": _line},
        ulps=16,  # potentials are sums of the size of the largest costs
        extremes=CLOUDS,
        translates=(("predictions", "targets"),),
        spread=spread(2),
    ),
    Case(
        fn=jaxloss.sinkhorn_divergence,
        draw=clouds,
        oracle=by_pair(_divergence, 2),
        source="the plans of ot.sinkhorn, and the docstring's formula",
        hypers=HYPERS,
        static=("max_iterations", "allow_unconverged"),
        bad_hypers=BAD,
        structures={"one feature": _line},
        bound=None,
        cancels="it is a difference of transport costs",
        ulps=64,  # of 1, where each of the costs is of order 10
        extremes=CLOUDS,
        translates=(("predictions", "targets"),),
        spread=spread(2),
    ),
]
