"""Cases of energies, on fields and molecules whose slopes are known in closed form."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import any_batch
from tests.cases.physics._shared import CAST, CURVATURE, LARGE, ROUNDED, TINY, field, jacobians, points, values

ATOMS = 3


def _ritz(points, sources):
    return 0.5 * np.linalg.norm(jacobians(points), axis=(-2, -1)) ** 2 - np.einsum("...k,...k", sources, values(points))


def _bonds(params, positions):
    """A quartic well for every atom, and a spring between the first and the last."""
    wells = 0.25 * jnp.sum(jnp.square(jnp.sum(jnp.square(positions), axis=-1)), axis=-1)
    return params * wells + 0.5 * jnp.sum(jnp.square(positions[..., 0, :] - positions[..., -1, :]), axis=-1)


def _molecules(positions):
    """Energy and forces of `_bonds`."""
    square = (positions**2).sum(-1, keepdims=True)
    bond = positions[..., 0, :] - positions[..., -1, :]
    energy = CURVATURE * 0.25 * (square**2).sum((-2, -1)) + 0.5 * (bond**2).sum(-1)
    forces = -CURVATURE * square * positions
    forces[..., 0, :] -= bond
    forces[..., -1, :] += bond
    return energy, forces


def _matching(positions, energies, forces, energy_weight=1.0, force_weight=1.0):
    energy, pulls = _molecules(positions)
    off = np.linalg.norm(pulls - forces, axis=(-2, -1)) ** 2
    return energy_weight * (energy - energies) ** 2 + force_weight * off / ATOMS


def _drawn(rng: np.random.Generator, batch: Shape) -> Inputs:
    shape = (*batch, ATOMS, 2)
    return {"positions": rng.normal(size=shape), "energies": rng.normal(size=batch), "forces": rng.normal(size=shape)}


def _at_rest(positions: np.ndarray) -> Inputs:
    return {"positions": positions, "energies": np.zeros(positions.shape[:-2]), "forces": np.zeros(positions.shape)}


CASES = [
    Case(
        fn=jaxloss.deep_ritz_loss,
        draw=points("points", "sources"),
        oracle=_ritz,
        source="E and Yu (2018), with the values and slopes of a quadratic field in closed form",
        leading=(field, CURVATURE),
        bound=None,
        cancels="the work of the source is subtracted from the energy of the slope",
        extremes={"tiny": {"points": TINY, "sources": TINY}, "large": {"points": LARGE, "sources": LARGE}},
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=any_batch(jaxloss.force_matching_loss, positions=2, energies=0, forces=2),
        draw=_drawn,
        oracle=_matching,
        source="Schütt et al. (2017), with the forces of a quartic well and a spring in closed form",
        leading=(_bonds, CURVATURE),
        hypers={"energy_weight": 0.01, "force_weight": 2.0},
        ends=({"energy_weight": 0.0, "force_weight": 2.0}, {"energy_weight": 0.01, "force_weight": 0.0}),
        bad_hypers=({"energy_weight": -1.0}, {"force_weight": -1.0}),
        perfect=lambda rng, batch: _at_rest(np.zeros((*batch, ATOMS, 2))),
        cancels=ROUNDED,
        extremes={
            "in one place": _at_rest(np.zeros((2, ATOMS, 2))),
            "any size": _at_rest(np.array([[[1e4, -1e4], [1e-30, 0.0], [0.0, 1e4]]])),
        },
        exempt={"half_precision": "the energy computes in the dtype of the positions"},
    ),
]
