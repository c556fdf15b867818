"""Draws and oracles that several modules of Cases of `jaxloss.classification` share."""

from __future__ import annotations

import numpy as np
import scipy.special

from tests import draws
from tests.cases import Inputs, Shape

EDGES = np.array([[-np.inf, 0.0, 1.0, -np.inf, 2.0], [1e4, -1e4, 0.0, 0.0, 1.0], [-1e4, 1e4, 1e4, 0.0, 0.0]])
FACTORS = np.array([0.5, 2.0, 1.0, 0.25, 1.5])


def two_classes(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 2)), "targets": draws.simplex(rng, batch, 2)}


def distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5)), "targets": draws.simplex(rng, batch, 5)}


def certain_binary(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.integers(0, 2, size=batch).astype(np.float64)
    return {"logits": 1000 * (2 * targets - 1), "targets": targets}


def certain_labels(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = rng.integers(0, 5, size=batch).astype(np.int32)
    return {"logits": 1000 * np.eye(5)[labels], "labels": labels}


def cross_entropy(logits, labels):
    return -np.sum(np.eye(logits.shape[-1])[labels] * scipy.special.log_softmax(logits, -1), -1)


LABELS = np.array([1, 1, 1], np.int32)
SATURATED = {"logits": EDGES, "labels": np.array([1, 1, 1], np.int32)}
LARGE = {"logits": np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]]), "labels": np.array([1, 2], np.int32)}
LABELLED = draws.scores_and_labels()
