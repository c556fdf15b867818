"""Cases of `jaxloss.physics`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

_FIELD = "a derivative of a field; a function of functions, not a loss"
_POINTS = "takes a function of one point; its tail is tested with it"

HELPERS = {
    "augmented_lagrangian": "carries multipliers from call to call; one number per problem",
    "dirichlet_loss": _POINTS,
    "field_derivative": _FIELD,
    "field_divergence": _FIELD,
    "field_gradient": _FIELD,
    "field_hessian_vector_product": _FIELD,
    "field_laplacian": _FIELD,
    "init_augmented_lagrangian": "makes the first state of augmented_lagrangian",
    "initial_condition_loss": _POINTS,
    "neumann_loss": _POINTS,
    "pde_residual_loss": _POINTS,
    "periodic_loss": _POINTS,
    "robin_loss": _POINTS,
}

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
