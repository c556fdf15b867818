"""Embeddings of a student and its teacher, which differ in their number of features."""

from __future__ import annotations

import numpy as np

from tests import draws
from tests.cases import Inputs, Shape

NAMES = ("embeddings", "teacher_embeddings")


def embeddings(features: int = 3, teacher_features: int = 4) -> draws.Draw:
    sizes = dict(zip(NAMES, (features, teacher_features), strict=True))
    return lambda rng, batch: {name: rng.normal(size=(*batch, size)) for name, size in sizes.items()}


def equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair(*NAMES)(rng, (*batch, 3))


def in_sets(one):
    """An oracle of one batch, applied to every set of examples; one value per example."""

    def oracle(embeddings, teacher_embeddings, chunk_size=None, **hypers):
        values = np.zeros(embeddings.shape[:-1])
        for i in np.ndindex(embeddings.shape[:-2]):
            values[i] = one(embeddings[i], teacher_embeddings[i], **hypers)
        return values

    return oracle


EDGES: dict[str, Inputs] = {
    name: dict(zip(NAMES, pair, strict=True))
    for name, pair in {
        "all at one point": (np.ones((4, 2)), np.ones((4, 2))),
        "some at one point": (np.array([[0.0, 1], [0, 1], [2, 0], [1, 1]]), np.eye(4, 3)),
        "student at one point": (np.zeros((4, 2)), np.eye(4, 3)),
        "on a line": (np.arange(4.0)[:, None], np.arange(4.0)[::-1, None]),
        "large": (1e38 * np.array([[3.0, -3], [-3, 3], [0, 1]]), np.array([[3e38], [-3e38], [0]])),
        "tiny": (1e-30 * np.eye(3), 1e-30 * np.eye(3, 2)),
        "two examples": (np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])),
        "alone": (np.ones((1, 2)), np.ones((1, 2))),
    }.items()
}
"""Batches at the edges of the domain."""
