"""Cases of the penalties on representations."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.draws import Draw


def _normal(name: str, size: int) -> Draw:
    return lambda rng, batch: {name: 2 * rng.normal(size=(*batch, size))}


def _rates(units: int) -> Draw:
    return lambda rng, batch: {"activations": rng.uniform(0.02, 0.9, size=(*batch, units))}


def _sparsity(activations, sparsity=0.05, epsilon=1e-6):
    rates = activations.mean(-2)
    return scipy.stats.entropy(
        np.stack([sparsity + 0 * rates, 1 - sparsity + 0 * rates]), np.stack([rates, 1 - rates])
    ).sum(-1)


def _cosines(representations):
    values = np.zeros(representations.shape[:-2])
    for pool in np.ndindex(values.shape):
        rows = representations[pool]
        squares = [(u @ v) ** 2 / (u @ u) / (v @ v) for i, u in enumerate(rows) for j, v in enumerate(rows) if i != j]
        values[pool] = np.mean(squares)
    return values


CASES = [
    Case(
        fn=jaxloss.activity_l1_penalty,
        draw=lambda rng, batch: {"activations": 2 * rng.normal(size=batch)},
        oracle=lambda activations: np.abs(activations),
        source="numpy.abs",
        perfect=lambda rng, batch: {"activations": np.zeros(batch)},
        convex=True,
        extremes={"any size": {"activations": np.array([0.0, 1e30, -1e-30])}},
    ),
    Case(
        fn=jaxloss.kl_sparsity_penalty,
        draw=_rates(4),
        illegal={"activations": (-0.1, 1.5)},
        structures={"one unit": _rates(1)},
        oracle=_sparsity,
        source="scipy.stats.entropy of two coins",
        pooled=True,
        hypers={"sparsity": 0.1, "epsilon": 1e-3},
        bad_hypers=({"sparsity": 0.0}, {"sparsity": 1.0}, {"epsilon": 0.0}, {"epsilon": 0.5}),
        convex=True,
        extremes={
            "dead and always on": {"activations": np.array([[0.0, 1.0, 0.5], [0.0, 1.0, 1e-30]])},
        },
    ),
    Case(
        fn=jaxloss.representation_orthogonality_penalty,
        draw=_normal("representations", 3),
        structures={"one feature": _normal("representations", 1), "many features": _normal("representations", 7)},
        oracle=_cosines,
        source="formula, pair by pair",
        pooled=True,
        perfect=lambda rng, batch: {"representations": np.eye(batch[-1]) * rng.uniform(0.5, 2, size=(batch[-1], 1))},
        extremes={
            "zero, equal and opposite": {
                "representations": np.array([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [-1.0, -2.0]])
            },
            "any size": {"representations": np.array([[1e30, 1e-30], [1e-30, 1e-30]])},
        },
        exempt={"weight_is_repetition": "a copy of a vector is a pair of vectors that are not orthogonal"},
    ),
    Case(
        fn=jaxloss.spectral_decoupling_penalty,
        draw=_normal("logits", 5),
        structures={"one class": _normal("logits", 1)},
        oracle=lambda logits: 0.5 * np.linalg.norm(logits, axis=-1) ** 2,
        source="numpy.linalg.norm",
        perfect=lambda rng, batch: {"logits": np.zeros((*batch, 3))},
        convex=True,
        extremes={"large": {"logits": np.array([[1e18, -1e18], [0.0, 1e-30]])}},
        exempt={"infinite_logits_are_tried": "the square of an infinite logit is infinite"},
    ),
]
