"""Cases of `jaxloss.distillation.similarities`."""

from __future__ import annotations

import numpy as np
import sklearn.metrics.pairwise
import sklearn.preprocessing

import jaxloss
from tests.cases import Case
from tests.cases.distillation._embeddings import EDGES, embeddings, equal, in_sets


def _similarities(student, teacher):
    products = (sklearn.metrics.pairwise.linear_kernel(x) for x in (student, teacher))
    rows = [np.asarray(sklearn.preprocessing.normalize(x)) for x in products]
    return np.mean((rows[0] - rows[1]) ** 2, axis=-1)


CASES = [
    Case(
        fn=jaxloss.similarity_preserving_loss,
        draw=embeddings(),
        structures={"one feature": embeddings(1, 1), "equal numbers of features": embeddings(2, 2)},
        oracle=in_sets(_similarities),
        source="sklearn.preprocessing.normalize of sklearn.metrics.pairwise.linear_kernel",
        hypers={"chunk_size": 2},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        meets=True,
        perfect=equal,
        cancels="a difference of normalised inner products",
        extremes=EDGES,
    ),
]
