"""Cases of `jaxloss.distillation.kernel_alignment`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


def _pairs(features: int, teacher_features: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        embeddings = rng.normal(size=(*batch, features))
        mixed = embeddings @ rng.normal(size=(features, teacher_features))
        return {"embeddings": embeddings, "teacher_embeddings": mixed + rng.normal(size=mixed.shape)}

    return draw


def _equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    teacher = rng.normal(size=(*batch, 3))
    return {"embeddings": teacher.copy(), "teacher_embeddings": teacher}


def _alignment(embeddings, teacher_embeddings, chunk_size=None):
    """By cross-covariances of features, which are small matrices, pool by pool."""
    del chunk_size
    values = np.zeros(embeddings.shape[:-2])
    for i in np.ndindex(values.shape):
        x, y = (z[i] - z[i].mean(0) for z in (embeddings, teacher_embeddings))
        values[i] = 1 - np.sum((x.T @ y) ** 2) / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    return values


SOME = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0], [3.0, 5.0]])
FLAT = np.ones((4, 2))

CASES = [
    Case(
        fn=jaxloss.cka_loss,
        draw=_pairs(3, 2),
        oracle=_alignment,
        source="cross-covariances of features, in NumPy",
        pooled=True,
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        perfect=_equal,
        cancels="one minus a similarity",
        structures={"one feature": _pairs(1, 1), "more features than examples": _pairs(9, 7)},
        extremes={
            "constant": {
                "embeddings": np.stack([FLAT, SOME, FLAT]),
                "teacher_embeddings": np.stack([SOME, FLAT, FLAT]),
            },
            "any size": {
                "embeddings": np.stack([1e30 * SOME, 1e-30 * SOME]),
                "teacher_embeddings": np.stack([1e-30 * SOME, 1e30 * SOME[::-1]]),
            },
        },
        translates=(("embeddings",), ("teacher_embeddings",)),
    ),
]
