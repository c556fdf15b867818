"""Cases of the penalties on constraints."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

HUGE = np.array([0.0, 1e18, -1e18, 1e-25])


def _one(name: str, scale: float = 2.0):
    return lambda rng, batch: {name: scale * rng.normal(size=batch)}


def _satisfied(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"inequalities": -np.abs(rng.normal(size=batch)) * rng.integers(0, 2, size=batch)}


def _barrier(inequalities, sharpness=5.0):
    """Kervadec et al. (2022), equation 5."""
    t = sharpness
    barrier = lambda z: -np.log(-z) / t if z <= -1 / t**2 else t * z - np.log(1 / t**2) / t + 1 / t
    return np.vectorize(barrier, otypes=[float])(inequalities)


CASES = [
    Case(
        fn=jaxloss.equality_penalty,
        draw=_one("equalities"),
        oracle=lambda equalities: equalities * equalities,
        source="formula",
        perfect=lambda rng, batch: {"equalities": np.zeros(batch)},
        convex=True,
        extremes={"any size": {"equalities": HUGE}},
    ),
    Case(
        fn=jaxloss.inequality_penalty,
        draw=_one("inequalities"),
        oracle=lambda inequalities: np.clip(inequalities, 0, None) ** 2,
        source="formula",
        perfect=_satisfied,
        convex=True,
        extremes={"any size": {"inequalities": HUGE}},
    ),
    Case(
        fn=jaxloss.log_barrier_penalty,
        draw=_one("inequalities", 0.5),
        oracle=_barrier,
        source="Kervadec et al. (2022), equation 5, one by one",
        hypers={"sharpness": 3.0},
        bad_hypers=({"sharpness": 0.0}, {"sharpness": -1.0}),
        bound=None,
        convex=True,
        cancels="the barrier crosses 0 at a slack of 1 and where its tangent does",
        extremes={"any size": {"inequalities": np.array([0.0, 1e18, -1e18, -1e-25, -1e30])}},
    ),
]
