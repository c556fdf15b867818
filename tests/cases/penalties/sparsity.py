"""Cases of the penalties that make representations sparse."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _activations(entries: int) -> Draw:
    return lambda rng, batch: {"activations": 2 * rng.normal(size=(*batch, entries))}


def _flops(activations):
    """The number of vectors that use an entry, squared, for vectors of 0 and 1; here of their sizes."""
    return np.linalg.norm(np.linalg.norm(activations, ord=1, axis=-2) / activations.shape[-2], axis=-1) ** 2


def _hoyer(activations):
    """One minus the sparseness of Hoyer (2004), section 3.1."""
    root = np.sqrt(activations.shape[-1])
    ratio = np.linalg.norm(activations, ord=1, axis=-1) / np.linalg.norm(activations, axis=-1)
    return 1 - (root - ratio) / (root - 1)


def _one_hot(rng: np.random.Generator, batch: Shape) -> Inputs:
    sizes = rng.normal(size=(*batch, 1)) * rng.integers(0, 2, size=(*batch, 1))
    return {"activations": sizes * np.eye(4)[rng.integers(0, 4, size=batch)]}


CASES = [
    Case(
        fn=jaxloss.flops_penalty,
        draw=_activations(4),
        structures={"one entry": _activations(1), "many entries": _activations(9)},
        oracle=_flops,
        source="Paria et al. (2020), by numpy.linalg.norm",
        pooled=True,
        perfect=lambda rng, batch: {"activations": np.zeros((*batch, 4))},
        convex=True,
        extremes={
            "zero": {"activations": np.zeros((3, 2))},
            "any size": {"activations": np.array([[1e18, 0.0, -1e-30], [0.0, -1e18, 1e-30]])},
        },
    ),
    Case(
        fn=jaxloss.hoyer_penalty,
        draw=_activations(5),
        structures={"two entries": _activations(2), "many entries": _activations(40)},
        oracle=_hoyer,
        source="Hoyer (2004), by numpy.linalg.norm",
        perfect=_one_hot,
        extremes={
            "zero": {"activations": np.zeros((1, 3))},
            "equal": {"activations": np.ones((1, 4))},
            "any size": {"activations": np.array([[1e38, -3e38, 1e-38], [1e-38, 0.0, 1e-38], [3e38, 3e38, -3e38]])},
        },
    ),
]
