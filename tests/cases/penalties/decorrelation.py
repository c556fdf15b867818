"""Cases of the penalty on covariances of units."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _activations(units: int) -> Draw:
    return lambda rng, batch: {"activations": 2 * rng.normal(size=(*batch, units))}


def _decov(activations):
    """Half the squared norm of numpy.cov off its diagonal, set by set."""
    values = np.zeros(activations.shape[:-2])
    for i in np.ndindex(values.shape):
        covariance = np.atleast_2d(np.cov(activations[i], rowvar=False, bias=True))
        values[i] = 0.5 * (np.linalg.norm(covariance) ** 2 - np.linalg.norm(np.diag(covariance)) ** 2)
    return values


def _constant(rng: np.random.Generator, batch: Shape) -> Inputs:
    """All examples alike."""
    return {"activations": np.broadcast_to(rng.normal(size=(*batch[:-1], 1, 4)), (*batch, 4)).copy()}


CASES = [
    Case(
        fn=jaxloss.decov_penalty,
        draw=_activations(4),
        structures={"two units": _activations(2), "many units": _activations(9)},
        oracle=_decov,
        source="numpy.cov",
        pooled=True,
        perfect=_constant,
        extremes={
            "equal units": {"activations": np.array([[1.0, 1.0], [2.0, 2.0], [-1.0, -1.0]])},
            "constant": {"activations": np.ones((4, 3))},
            "any size": {"activations": np.array([[1e8, 1e-30, -1e8], [0.0, -1e-30, 1.0]])},
            "one unit": {"activations": np.array([[1.0], [3.0]])},
        },
        translates=(("activations",),),
    ),
]
