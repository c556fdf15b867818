"""Faces: embeddings, class centres, and the cross-entropy of their angles; and faces at the edges of the domain."""

from __future__ import annotations

import numpy as np
import scipy.special

from tests.cases import Inputs, Shape


def faces(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "embeddings": rng.normal(size=(*batch, 4)),
        "labels": rng.integers(0, 5, size=batch).astype(np.int32),
        "kernel": rng.normal(size=(4, 5)),
    }


def of_angles(turn):
    """Cross-entropy of cosines in which ``turn`` maps the angle to the true class to its cosine."""

    def oracle(embeddings, labels, kernel, scale, **hypers):
        units = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
        angles = np.arccos(units @ (kernel / np.linalg.norm(kernel, axis=0)))
        own = np.arange(kernel.shape[-1]) == labels[..., None]
        logits = scale * np.where(own, turn(angles, **hypers), np.cos(angles))
        return -np.sum(np.where(own, scipy.special.log_softmax(logits, axis=-1), 0), axis=-1)

    return oracle


def arcface_turn(angles, margin):
    return np.where(angles <= np.pi - margin, np.cos(angles + margin), np.cos(angles) - margin * np.sin(margin))


SPHERE_EDGES = {
    "zero embeddings": {
        "embeddings": np.zeros((2, 3)),
        "labels": np.array([0, 1]),
        "kernel": np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
    },
    "zero centres": {"embeddings": np.ones((2, 3)), "labels": np.array([0, 1]), "kernel": np.zeros((3, 2))},
    "on and opposite the centre": {
        "embeddings": np.array([[2.0, 0.0], [-3.0, 0.0], [1e-3, -1e-3], [-2.0, 2.0]]),
        "labels": np.array([0, 0, 1, 1]),
        "kernel": np.array([[1.0, 1.0], [0.0, -1.0]]),
    },
    "large and small": {
        "embeddings": np.array([[1e38, 1e38], [1e-15, -2e-15]]),
        "labels": np.array([0, 1]),
        "kernel": np.array([[1e38, 1e-15], [-1e38, 1e-15]]),
    },
    "one class": {"embeddings": np.ones((2, 3)), "labels": np.zeros(2, int), "kernel": np.ones((3, 1))},
}
