"""Cases of `jaxloss.representation.class_prototypes.speaker_centroids`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, cosine_table, in_sets, in_the_plane, labelled


def _cosines(x, y):
    """For each example the cosine with its own centroid, without itself, and those with all others; None if alone."""
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    for i in range(len(y)):
        mates = [x[j] for j in range(len(y)) if y[j] == y[i] and j != i]
        others = [np.mean([x[j] for j in range(len(y)) if y[j] == k], 0) for k in sorted(set(y) - {y[i]})]
        to = lambda centroids, i=i: cosine_table(x[i : i + 1], np.array(centroids))[0] if centroids else np.array([])
        yield (to([np.mean(mates, 0)])[0], to(others)) if mates else None


def _softmax(x, y, temperature=0.1):
    one = lambda own, others: -scipy.special.log_softmax(np.append(own, others) / temperature)[0]
    return [0.0 if found is None else one(*found) for found in _cosines(x, y)]


def _contrast(x, y, temperature=0.1, bias=-5.0):
    chance = lambda cosine: scipy.special.expit(cosine / temperature + bias)
    one = lambda own, others: 1 - chance(own) + max(chance(others), default=0.0)
    return [0.0 if found is None else one(*found) for found in _cosines(x, y)]


SHARED = {"draw": labelled, "structures": {"two features": in_the_plane}, "static": ("chunk_size",), "meets": True}

CASES = [
    Case(
        fn=jaxloss.ge2e_softmax_loss,
        oracle=in_sets(_softmax),
        source="Wan et al. (2018), centroid by centroid, with SciPy's cosines",
        hypers={"temperature": 0.6, "chunk_size": 2},
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=SETS,
        **SHARED,
    ),
    Case(
        fn=jaxloss.ge2e_contrast_loss,
        oracle=in_sets(_contrast),
        source="Wan et al. (2018), centroid by centroid, with SciPy's cosines",
        hypers={"temperature": 0.6, "bias": -0.5, "chunk_size": 2},
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=SETS,
        **SHARED,
    ),
]
