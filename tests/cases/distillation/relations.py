"""Cases of `jaxloss.distillation.relations`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.spatial.distance
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.distillation._embeddings import EDGES, embeddings, equal, in_sets


def _distances(student, teacher, delta=1.0):
    size = len(student)
    relative = []
    for points in (student, teacher):
        pairs = scipy.spatial.distance.cdist(points, points)
        relative.append(pairs / np.mean(pairs[~np.eye(size, dtype=bool)]))
    gaps = scipy.special.huber(delta, relative[0] - relative[1])
    return [np.mean(np.delete(row, i)) for i, row in enumerate(gaps)]


def _cosine(points, i, j, k):
    return 1 - scipy.spatial.distance.cosine(points[i] - points[j], points[k] - points[j])


def _angles(student, teacher, delta=1.0):
    values = []
    for j in range(len(student)):
        others = [i for i in range(len(student)) if i != j]
        gaps = [_cosine(student, i, j, k) - _cosine(teacher, i, j, k) for i, k in itertools.permutations(others, 2)]
        values.append(np.mean(scipy.special.huber(delta, np.array(gaps))))
    return values


STRUCTURES = {
    "one feature of the teacher": embeddings(2, 1),
    "one feature of the student": embeddings(1, 3),
    "equal numbers of features": embeddings(2, 2),
}

CASES = [
    Case(
        fn=jaxloss.relational_distance_loss,
        draw=embeddings(),
        structures=STRUCTURES,
        oracle=in_sets(_distances),
        source="scipy.special.huber of scipy.spatial.distance.cdist",
        hypers={"delta": 0.3, "chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"delta": 0.0}, {"chunk_size": 0}),
        meets=True,
        perfect=equal,
        cancels="a difference of relative distances",
        extremes=EDGES,
        translates=(("embeddings",), ("teacher_embeddings",)),
    ),
    Case(
        fn=jaxloss.relational_angle_loss,
        draw=embeddings(),
        structures={"equal numbers of features": embeddings(2, 2), "many features": embeddings(7, 5)},
        oracle=in_sets(_angles),
        source="scipy.special.huber of scipy.spatial.distance.cosine, for three examples at a time",
        hypers={"delta": 0.3, "chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"delta": 0.0}, {"chunk_size": 0}),
        meets=True,
        perfect=equal,
        cancels="a difference of cosines",
        extremes=EDGES,
        translates=(("embeddings",), ("teacher_embeddings",)),
    ),
]
