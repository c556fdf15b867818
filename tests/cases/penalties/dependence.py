"""Cases of `jaxloss.penalties.dependence`."""

from __future__ import annotations

import numpy as np
import sklearn.metrics.pairwise

import jaxloss
from tests.cases import Case, Inputs, Shape


def _two(features: int, others: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {"first": rng.normal(size=(*batch, features)), "second": rng.normal(size=(*batch, others))}

    return draw


def _criterion(first, second, first_bandwidth=1.0, second_bandwidth=1.0, chunk_size=None):
    """The trace of the paper over N squared, with kernels of scikit-learn."""
    del chunk_size
    values = np.zeros(first.shape[:-2])
    for i in np.ndindex(values.shape):
        n = first.shape[-2]
        kernels = [
            sklearn.metrics.pairwise.rbf_kernel(z[i], gamma=0.5 / width**2)
            for z, width in ((first, first_bandwidth), (second, second_bandwidth))
        ]
        centring = np.eye(n) - 1 / n
        values[i] = np.trace(kernels[0] @ centring @ kernels[1] @ centring) / n**2
    return values


SOME = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0], [3.0, 5.0]])

CASES = [
    Case(
        fn=jaxloss.hsic_penalty,
        draw=_two(2, 3),
        oracle=_criterion,
        source="sklearn.metrics.pairwise.rbf_kernel in the trace of the paper",
        pooled=True,
        hypers={"first_bandwidth": 0.7, "second_bandwidth": 2.0, "chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0}, {"first_bandwidth": 0.0}, {"second_bandwidth": -1.0}),
        cancels="a sum of products of either sign",
        structures={"one feature": _two(1, 1)},
        extremes={
            "constant": {"first": np.ones((2, 4, 2)), "second": np.stack([SOME, np.ones((4, 2))])},
            "any size": {"first": np.stack([1e30 * SOME, 1e-30 * SOME]), "second": np.stack([SOME, SOME])},
        },
        translates=(("first",), ("second",)),
    ),
]
