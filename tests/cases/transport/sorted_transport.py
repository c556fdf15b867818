"""Cases of `jaxloss.transport.sorted_transport`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.transport._shared import CLOUDS, MASSES, M, N, by_pair, clouds, spread

DIRECTIONS = np.array([[1.0, 0.5], [-2.0, 0.3], [0.1, 1.0]])


def _lines(rng, batch):
    return {"predictions": rng.normal(size=(*batch, N)), "targets": 0.5 + 1.5 * rng.normal(size=(*batch, M))}


def _greedy(x, y, a, b, p):
    """North-west corner: the mass of the lowest point that has some goes to the lowest that lacks some."""
    x, y = ([[v, m] for v, m in sorted(zip(z, w, strict=True))] for z, w in ((x, a), (y, b)))
    cost = 0.0
    while x and y:
        moved = min(x[0][1], y[0][1])
        cost += moved * abs(x[0][0] - y[0][0]) ** p
        for side in (x, y):
            side[0][1] -= moved
            if side[0][1] <= 1e-13:
                side.pop(0)
    return cost


def _line(x, y, a, b, p=1.0):
    if p == 1:
        return scipy.stats.wasserstein_distance(x, y, a, b)
    return _greedy(x, y, a, b, p)


def _sliced(x, y, a, b, directions, p=2.0):
    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return np.mean([_greedy(x @ u, y @ u, a, b, p) for u in units])


HELPERS = {
    "random_directions": "draws directions for the sliced distance",
}

CASES = [
    Case(
        fn=jaxloss.wasserstein_1d_loss,
        draw=_lines,
        oracle=by_pair(_line, 1),
        source="scipy.stats.wasserstein_distance, and the north-west corner rule for other exponents",
        hypers={"p": 1.5, **MASSES},
        bad_hypers=({"p": 0.5}, {"p": np.inf}),
        ulps=16,  # widths between quantile levels are differences of cumulative sums
        extremes={
            "equal": {"predictions": np.ones((1, N)), "targets": np.ones((1, M))},
            "large": {"predictions": np.full((1, N), 1e18), "targets": np.full((1, M), -1e18)},
        },
        translates=(("predictions", "targets"),),
        spread=spread(),
    ),
    Case(
        fn=jaxloss.sliced_wasserstein_loss,
        draw=lambda rng, batch: {**clouds(rng, batch), "directions": DIRECTIONS},
        oracle=lambda predictions, targets, directions, **hypers: by_pair(
            lambda x, y, a, b, **h: _sliced(x, y, a, b, directions, **h), 2
        )(predictions, targets, **hypers),
        source="the north-west corner rule on every line",
        hypers={"p": 1.5, **MASSES},
        shared=("directions",),
        ends=({"p": 1.0, **MASSES},),
        bad_hypers=({"p": 0.5}, {"p": np.inf}),
        ulps=16,  # widths between quantile levels are differences of cumulative sums
        extremes={n: {**x, "directions": np.eye(2)} for n, x in CLOUDS.items()}
        | {"no direction": {**CLOUDS["identical"], "directions": np.zeros((1, 2))}},
        translates=(("predictions", "targets"),),
        spread=spread(2, directions=DIRECTIONS),
    ),
]
