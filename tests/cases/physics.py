"""Cases of `jaxloss.physics`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape

_FIELD = "a derivative of a field; a function of functions, not a loss"
_POINTS = "takes a function of one point; its tail is tested with it"

_LOGIC = "maps truth values to truth values; not a loss"

HELPERS = {
    **{
        f"{logic}_{operator}": _LOGIC
        for logic in ("product", "godel", "lukasiewicz")
        for operator in ("and", "or", "implies", "forall", "exists")
    },
    "augmented_lagrangian": "carries multipliers from call to call; one number per problem",
    "dirichlet_loss": _POINTS,
    "exists_p_mean": _LOGIC,
    "field_derivative": _FIELD,
    "field_divergence": _FIELD,
    "field_gradient": _FIELD,
    "field_hessian_vector_product": _FIELD,
    "field_laplacian": _FIELD,
    "forall_p_mean": _LOGIC,
    "fuzzy_not": _LOGIC,
    "init_augmented_lagrangian": "makes the first state of augmented_lagrangian",
    "initial_condition_loss": _POINTS,
    "neumann_loss": _POINTS,
    "pde_residual_loss": _POINTS,
    "periodic_loss": _POINTS,
    "robin_loss": _POINTS,
    "satisfying_assignments": "enumerates the models of a formula; not a loss",
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


MODELS = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]], bool)


def _ring(a, b, c, d):
    return (~a | b) & (b ^ c) | d


def _count(logits, models):
    """Minus the log of the weighted model count, model by model and variable by variable."""
    values = np.zeros(logits.shape[:-1])
    for i in np.ndindex(values.shape):
        true, false = scipy.special.expit(logits[i]), scipy.special.expit(-logits[i])
        values[i] = -np.log(
            sum(np.prod([t if s else f for s, t, f in zip(m, true, false, strict=True)]) for m in models)
        )
    return values


def _scores(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 4))}


def _one_hot(size):
    return np.eye(size, dtype=bool)


CERTAIN = np.array([[1e4, -1e4, -1e4, -1e4], [1e4, 1e4, 1e4, 1e4], [-1e4, -1e4, -1e4, -1e4], [0.0, 0.0, 0.0, 0.0]])


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
    Case(
        fn=jaxloss.semantic_loss,
        draw=_scores,
        oracle=lambda logits, formula: _count(
            logits, [m for m in itertools.product((False, True), repeat=4) if formula(*map(np.bool_, m))]
        ),
        source="weighted model count, assignment by assignment",
        hypers={"formula": _ring},
        static=("formula",),
        extremes={"certain": {"logits": CERTAIN}},
    ),
    Case(
        fn=jaxloss.semantic_loss_of_assignments,
        draw=lambda rng, batch: {**_scores(rng, batch), "assignments": MODELS},
        oracle=lambda logits, assignments: _count(logits, assignments),
        source="weighted model count, model by model",
        shared=("assignments",),
        cancels="the probability of the models is near 1 where the loss is near 0",
        extremes={"certain": {"logits": CERTAIN, "assignments": MODELS}},
    ),
    Case(
        fn=jaxloss.exactly_one_loss,
        draw=_scores,
        oracle=lambda logits: _count(logits, _one_hot(4)),
        source="weighted model count, model by model",
        extremes={"certain": {"logits": CERTAIN}},
    ),
]
