"""Embeddings in pairs and labelled batches, the distances of SciPy, and batches at the edges of the domain."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

GAPS = "a small violation is a difference of distances and a margin"
D = 3


def vectors(*names, size=D):
    return lambda rng, batch: {name: rng.normal(size=(*batch, size)) for name in names}


def by_row(metric):
    """A SciPy distance of two vectors, for every row."""

    def rows(x, y, **options):
        flat = zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
        return np.array([metric(a, b, **options) for a, b in flat]).reshape(x.shape[:-1])

    return rows


EUCLIDEAN, COSINE = by_row(scipy.spatial.distance.euclidean), by_row(scipy.spatial.distance.cosine)


def in_the_plane(rng, batch):
    """A labelled set of two features."""
    return {**labelled(rng, batch), "embeddings": rng.normal(size=(*batch, 2))}


def labelled(rng, batch):
    """Embeddings of a few classes, every example with a partner also where one in three is masked.

    The last of several sets has one class only.
    """
    labels = np.arange(batch[-1]) % 2 if batch[-1] < 8 else np.arange(batch[-1]) % 4
    labels = np.broadcast_to(labels, batch).astype(np.int32)
    if len(batch) > 1:
        labels[-1:] = 0
    return {"embeddings": rng.normal(size=(*batch, D)), "labels": labels}


def in_sets(one):
    """An oracle of one batch, applied to every set of examples."""

    def oracle(embeddings, labels, chunk_size=None, **hypers):
        sets = zip(embeddings.reshape(-1, *embeddings.shape[-2:]), labels.reshape(-1, labels.shape[-1]), strict=True)
        return np.array([one(x, y, **hypers) for x, y in sets]).reshape(labels.shape)

    return oracle


def sides(x, y):
    distances = scipy.spatial.distance.cdist(x, x)
    index = np.arange(len(y))
    for i in index:
        yield distances[i], (y == y[i]) & (index != i), y != y[i]


def cosine_table(x, y):
    return 1 - scipy.spatial.distance.cdist(x, y, "cosine")


ROUNDED = 16
"""Units in the last place: an exponential carries the rounding of a cosine of size 1, multiplied."""


def matched_sets(first, second):
    both = {
        "identical": (np.ones((3, 2)), np.ones((3, 2))),
        "zeros": (np.zeros((3, 2)), np.eye(3, 2)),
        "opposite": (np.eye(3, 2), -np.eye(3, 2)),
        "alone": (np.ones((1, 2)), np.ones((1, 2))),
        "large": (1e30 * np.eye(2), -1e30 * np.eye(2)),
    }
    return {name: {first: x, second: y} for name, (x, y) in both.items()}


SETS = {
    "one class": {"embeddings": np.array([[1.0, 2.0], [3.0, 5.0]]), "labels": np.array([1, 1])},
    "no positives": {"embeddings": np.array([[1.0, 2.0], [3.0, 5.0]]), "labels": np.array([1, 2])},
    "identical": {"embeddings": np.ones((4, 2)), "labels": np.array([0, 0, 1, 1])},
    "zeros": {"embeddings": np.zeros((4, 2)), "labels": np.array([0, 0, 1, 1])},
    "large": {"embeddings": np.array([[1e30, -1e30], [0.0, 1e30], [1.0, 1.0]]), "labels": np.array([0, 0, 1])},
    "alone": {"embeddings": np.ones((1, 2)), "labels": np.array([3])},
}
"""Batches at the edges of the domain."""
