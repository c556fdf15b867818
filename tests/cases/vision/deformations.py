"""Cases of `jaxloss.vision.depth_and_motion.deformations`."""

from __future__ import annotations

import itertools

import numpy as np

import jaxloss
from tests.cases import Case


def field(*sizes):
    return lambda rng, batch: {"displacements": rng.normal(size=(*batch, *sizes, len(sizes)))}


def translation(rng, batch):
    return {"displacements": np.broadcast_to(rng.normal(size=(*batch, 1, 1, 2)), (*batch, 4, 5, 2))}


def _derivatives(combine):
    """``combine`` of the derivatives at every inner point, averaged over points and components."""

    def oracle(displacements, spacing=1.0):
        ndim = displacements.shape[-1]
        spacing = np.broadcast_to(spacing, (ndim,))
        units = np.eye(ndim, dtype=int)

        def one(u):
            values = []
            for point in itertools.product(*(range(1, n - 1) for n in u.shape[:-1])):
                at = lambda *moves, point=point: u[tuple(np.sum([point, *moves], axis=0))]
                values.append(combine(at, units, spacing))
            return np.mean(values)

        flat = displacements.reshape(-1, *displacements.shape[-1 - ndim :])
        return np.reshape([one(u) for u in flat], displacements.shape[: -1 - ndim])

    return oracle


def _first(at, units, spacing):
    return sum(((at(e) - at(-e)) / (2 * h)) ** 2 for e, h in zip(units, spacing, strict=True))


def _second(at, units, spacing):
    total = 0.0
    for (j, e), (k, f) in itertools.product(enumerate(units), repeat=2):
        if j == k:
            derivative = (at(e) - 2 * at() + at(-e)) / spacing[j] ** 2
        else:
            derivative = (at(e, f) - at(e, -f) - at(-e, f) + at(-e, -f)) / (4 * spacing[j] * spacing[k])
        total = total + derivative**2
    return total


EXTREMES = {
    "translation": {"displacements": np.full((1, 3, 3, 2), 0.3)},
    "large": {"displacements": np.linspace(-1e18, 1e17, 18).reshape(1, 3, 3, 2)},
    "small": {"displacements": np.linspace(-1e-30, 1e-32, 18).reshape(1, 3, 3, 2)},
}
SPACING = {"spacing": np.array([0.5, 1.25])}
BAD = ({"spacing": 0.0}, {"spacing": np.array([1.0, -1.0])}, {"spacing": np.ones(3)}, {"spacing": np.ones((2, 1))})

CASES = [
    Case(
        fn=jaxloss.displacement_gradient_penalty,
        draw=field(4, 5),
        oracle=_derivatives(_first),
        source="central differences, point by point",
        hypers=SPACING,
        bad_hypers=BAD,
        perfect=translation,
        convex=True,
        structures={"one point": field(3, 3), "line": field(5), "volume": field(3, 4, 3)},
        extremes=EXTREMES,
        translates=(("displacements",),),
    ),
    Case(
        fn=jaxloss.bending_energy_penalty,
        draw=field(4, 5),
        oracle=_derivatives(_second),
        source="second differences, point by point",
        hypers=SPACING,
        bad_hypers=BAD,
        perfect=translation,
        convex=True,
        structures={"one point": field(3, 3), "line": field(5), "volume": field(3, 4, 3)},
        extremes=EXTREMES,
        translates=(("displacements",),),
    ),
]
