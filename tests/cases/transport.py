"""Cases of `jaxloss.transport`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.stats

import jaxloss
from tests.cases import Case

HELPERS = {
    "entropic_transport_loss": "its solver is the optional package ott-jax",
    "random_directions": "draws directions for the sliced distance",
    "sinkhorn_divergence": "its solver is the optional package ott-jax",
}

N, M, D = 5, 4, 2
MASSES = {
    "prediction_weights": np.array([0.5, 1.0, 2.0, 0.25, 1.5]),
    "target_weights": np.array([2.0, 0.75, 1.0, 3.0]),
}
DIFFERENCE = "a discrepancy is a difference of mean distances"


def _clouds(rng, batch):
    return {"predictions": rng.normal(size=(*batch, N, D)), "targets": 0.5 + 1.5 * rng.normal(size=(*batch, M, D))}


def _lines(rng, batch):
    return {"predictions": rng.normal(size=(*batch, N)), "targets": 0.5 + 1.5 * rng.normal(size=(*batch, M))}


def _masses(weights, size):
    return np.full(size, 1 / size) if weights is None else weights / np.sum(weights)


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


def _by_pair(one, ndim):
    """An oracle of two samples, applied to every pair of samples."""

    def oracle(predictions, targets, *shared, prediction_weights=None, target_weights=None, **hypers):
        batch = predictions.shape[: predictions.ndim - ndim]
        a = _masses(prediction_weights, predictions.shape[len(batch)])
        b = _masses(target_weights, targets.shape[len(batch)])
        values = [one(predictions[i], targets[i], a, b, *shared, **hypers) for i in np.ndindex(batch)]
        return np.reshape(values, batch)

    return oracle


def _line(x, y, a, b, p=1.0):
    if p == 1:
        return scipy.stats.wasserstein_distance(x, y, a, b)
    return _greedy(x, y, a, b, p)


def _sliced(x, y, a, b, directions, p=2.0):
    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return np.mean([_greedy(x @ u, y @ u, a, b, p) for u in units])


def _energy(x, y, a, b):
    mean = lambda u, v, s, t: s @ scipy.spatial.distance.cdist(u, v) @ t
    return 2 * mean(x, y, a, b) - mean(x, x, a, a) - mean(y, y, b, b)


def _kernel(u, v, bandwidths):
    squares = scipy.spatial.distance.cdist(u, v, "sqeuclidean")
    return np.mean([np.exp(-squares / (2 * s**2)) for s in bandwidths], axis=0)


def _mmd(x, y, a, b, bandwidths=(1.0,)):
    mean = lambda u, v, s, t: s @ _kernel(u, v, bandwidths) @ t
    return mean(x, x, a, a) + mean(y, y, b, b) - 2 * mean(x, y, a, b)


def _unbiased_mmd(x, y, a, b, bandwidths=(1.0,)):
    def within(z, s):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        kernel = _kernel(z, z, bandwidths)
        return sum(s[i] * s[j] * kernel[i, j] for i, j in pairs) / sum(s[i] * s[j] for i, j in pairs)

    return within(x, a) + within(y, b) - 2 * a @ _kernel(x, y, bandwidths) @ b


CLOUDS = {
    "identical": {"predictions": np.ones((1, N, D)), "targets": np.ones((1, M, D))},
    "large": {"predictions": np.full((1, N, D), 1e18), "targets": np.full((1, M, D), -1e18)},
    "tiny": {"predictions": np.full((1, N, D), 1e-30), "targets": np.zeros((1, M, D))},
}

CASES = [
    Case(
        fn=jaxloss.wasserstein_1d_loss,
        draw=_lines,
        oracle=_by_pair(_line, 1),
        source="scipy.stats.wasserstein_distance, and the north-west corner rule for other exponents",
        hypers={"p": 1.5, **MASSES},
        bad_hypers=({"p": 0.5}, {"p": np.inf}),
        ulps=16,  # widths between quantile levels are differences of cumulative sums
        extremes={
            "equal": {"predictions": np.ones((1, N)), "targets": np.ones((1, M))},
            "large": {"predictions": np.full((1, N), 1e18), "targets": np.full((1, M), -1e18)},
        },
    ),
    Case(
        fn=jaxloss.sliced_wasserstein_loss,
        draw=lambda rng, batch: {**_clouds(rng, batch), "directions": np.array([[1.0, 0.5], [-2.0, 0.3], [0.1, 1.0]])},
        oracle=lambda predictions, targets, directions, **hypers: _by_pair(
            lambda x, y, a, b, **h: _sliced(x, y, a, b, directions, **h), 2
        )(predictions, targets, **hypers),
        source="the north-west corner rule on every line",
        hypers={"p": 1.5, **MASSES},
        shared=("directions",),
        bad_hypers=({"p": 0.5}, {"p": np.inf}),
        ulps=16,  # widths between quantile levels are differences of cumulative sums
        extremes={n: {**x, "directions": np.eye(2)} for n, x in CLOUDS.items()}
        | {"no direction": {**CLOUDS["identical"], "directions": np.zeros((1, 2))}},
    ),
    Case(
        fn=jaxloss.energy_distance,
        draw=_clouds,
        oracle=_by_pair(_energy, 2),
        source="formula, with scipy.spatial.distance.cdist",
        hypers=MASSES,
        cancels=DIFFERENCE,
        ulps=64,  # distances come from inner products, which cost digits where points are close
        extremes=CLOUDS,
    ),
    Case(
        fn=jaxloss.mmd_loss,
        draw=_clouds,
        oracle=_by_pair(_mmd, 2),
        source="formula, with scipy.spatial.distance.cdist",
        hypers={"bandwidths": np.array([0.5, 2.0, 3.0]), **MASSES},
        cancels=DIFFERENCE,
        extremes=CLOUDS,
    ),
    Case(
        fn=jaxloss.unbiased_mmd_loss,
        draw=_clouds,
        oracle=_by_pair(_unbiased_mmd, 2),
        source="formula, pair by pair",
        hypers={"bandwidths": np.array([0.5, 2.0, 3.0]), **MASSES},
        bound=None,
        cancels=DIFFERENCE,
        extremes=CLOUDS,
    ),
]
