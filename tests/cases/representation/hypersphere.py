"""Cases of `jaxloss.representation.self_supervised.hypersphere`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import EUCLIDEAN, ROUNDED, D, vectors
from tests.cases.representation._views import named, same_arrays, two_arrays


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _of_sets(one):
    """An oracle of one set of embeddings, applied to every set."""

    def oracle(embeddings, chunk_size=None, **hypers):
        batch = embeddings.shape[:-2]
        values = np.array([one(_unit(embeddings[i]), **hypers) for i in np.ndindex(batch)])
        return values.reshape((*batch, *values.shape[1:]))

    return oracle


def _uniformity(x, temperature=0.5):
    return np.log(np.mean(np.exp(-scipy.spatial.distance.pdist(x, "sqeuclidean") / temperature)))


def _koleo(x, epsilon=1e-8):
    distances = scipy.spatial.distance.cdist(x, x)
    nearest = [min((d for j, d in enumerate(row) if j != i), default=None) for i, row in enumerate(distances)]
    return np.array([0.0 if d is None else -np.log(d + epsilon) for d in nearest])


EDGES = {
    "equal": {"embeddings": np.ones((4, 2))},
    "some equal": {"embeddings": np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 1.0]])},
    "nearly equal": {"embeddings": np.array([[1.0, 0.0], [1.0, 1e-20], [1.0, 1e-3]])},
    "zeros": {"embeddings": np.zeros((3, 2))},
    "opposite": {"embeddings": np.array([[1.0, 0.0], [-1.0, 0.0]])},
    "large": {"embeddings": 1e30 * np.array([[1.0, -1.0], [0.0, 1.0], [1.0, 1.0]])},
    "tiny": {"embeddings": 1e-30 * np.array([[1.0, -1.0], [0.0, 1.0], [1.0, 1.0]])},
    "alone": {"embeddings": np.ones((1, 2))},
}

CASES = [
    Case(
        fn=jaxloss.alignment_loss,
        draw=two_arrays("first", "second"),
        structures={"two features": two_arrays("first", "second", 2)},
        oracle=lambda first, second, exponent=2.0: EUCLIDEAN(_unit(first), _unit(second)) ** exponent,
        source="Wang and Isola (2020), with scipy.spatial.distance.euclidean of unit vectors",
        hypers={"exponent": 1.5},
        ends=({"exponent": 1.0},),
        bad_hypers=({"exponent": 0.5},),
        perfect=same_arrays("first", "second"),
        ulps=8,
        extremes=named(
            {
                "zeros": (np.zeros((2, 2)), np.ones((2, 2))),
                "opposite": (np.ones((2, 2)), -np.ones((2, 2))),
                "equal": (np.ones((2, 2)), 3 * np.ones((2, 2))),
                "large": (np.full((2, 2), 1e30), np.full((2, 2), -1e-30)),
            },
            "first",
            "second",
        ),
    ),
    Case(
        fn=jaxloss.uniformity_loss,
        draw=vectors("embeddings"),
        structures={"two features": vectors("embeddings", size=2)},
        oracle=_of_sets(_uniformity),
        source="Wang and Isola (2020), with scipy.spatial.distance.pdist of unit vectors",
        hypers={"temperature": 0.75, "chunk_size": 2},
        static=("chunk_size",),
        pooled=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        bound=None,
        cancels="a mean of exponentials near 1 has a logarithm near 0",
        ulps=ROUNDED,
        exempt={"weight_is_repetition": "a copy would be paired with its original, at distance 0; a weight is not"},
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.koleo_loss,
        draw=vectors("embeddings"),
        structures={"two features": vectors("embeddings", size=2), "many features": vectors("embeddings", size=4 * D)},
        oracle=_of_sets(_koleo),
        source="Sablayrolles et al. (2019), with scipy.spatial.distance.cdist of unit vectors",
        hypers={"epsilon": 0.25, "chunk_size": 2},
        static=("chunk_size",),
        meets=True,
        bad_hypers=({"epsilon": 0.0}, {"chunk_size": 0}),
        bound=None,
        cancels="a distance near 1 has a logarithm near 0",
        ulps=ROUNDED,
        extremes=EDGES,
    ),
]
