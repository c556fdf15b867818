"""Cases of `jaxloss.representation.contrast.matched_pairs`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, cosine_table, matched_sets, vectors


def _of_pairs(one):
    """An oracle of two matched sets, applied to every pair of sets."""

    def oracle(first, second, ring=False, chunk_size=None, **hypers):
        sets = zip(first.reshape(-1, *first.shape[-2:]), second.reshape(-1, *first.shape[-2:]), strict=True)
        return np.array([one(x, y, **hypers) for x, y in sets]).reshape(first.shape[:-1])

    return oracle


def _one_way(logits):
    return -np.diagonal(scipy.special.log_softmax(logits, axis=1))


def _infonce(x, y, temperature=0.07):
    return _one_way(cosine_table(x, y) / temperature)


def _clip(x, y, temperature=0.07):
    logits = cosine_table(x, y) / temperature
    return (_one_way(logits) + _one_way(logits.T)) / 2


def _siglip(x, y, temperature=0.1, bias=-10.0):
    signs = 2 * np.eye(len(x)) - 1
    return -np.sum(scipy.special.log_expit(signs * (cosine_table(x, y) / temperature + bias)), axis=1)


CASES = [
    Case(
        fn=jaxloss.infonce_loss,
        draw=vectors("queries", "keys"),
        structures={"two features": vectors("queries", "keys", size=2)},
        oracle=lambda queries, keys, **hypers: _of_pairs(_infonce)(queries, keys, **hypers),
        source="scipy.special.log_softmax of SciPy's cosines",
        hypers={"temperature": 0.6, "ring": True, "chunk_size": 2},
        static=("ring", "chunk_size"),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=matched_sets("queries", "keys"),
    ),
    Case(
        fn=jaxloss.clip_loss,
        draw=vectors("image_embeddings", "text_embeddings"),
        structures={"two features": vectors("image_embeddings", "text_embeddings", size=2)},
        oracle=lambda image_embeddings, text_embeddings, **h: _of_pairs(_clip)(image_embeddings, text_embeddings, **h),
        source="scipy.special.log_softmax of SciPy's cosines",
        hypers={"temperature": 0.6, "ring": True, "chunk_size": 2},
        static=("ring", "chunk_size"),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=matched_sets("image_embeddings", "text_embeddings"),
    ),
    Case(
        fn=jaxloss.siglip_loss,
        draw=vectors("image_embeddings", "text_embeddings"),
        structures={"two features": vectors("image_embeddings", "text_embeddings", size=2)},
        oracle=lambda image_embeddings, text_embeddings, **h: _of_pairs(_siglip)(
            image_embeddings, text_embeddings, **h
        ),
        source="scipy.special.log_expit of SciPy's cosines",
        hypers={"temperature": 0.6, "bias": -0.5, "ring": True, "chunk_size": 2},
        static=("ring", "chunk_size"),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        ulps=ROUNDED,
        extremes=matched_sets("image_embeddings", "text_embeddings"),
    ),
    Case(
        fn=jaxloss.n_pairs_loss,
        draw=vectors("anchors", "positives"),
        structures={"two features": vectors("anchors", "positives", size=2)},
        oracle=lambda anchors, positives, **h: _of_pairs(lambda x, y: _one_way(x @ y.T))(anchors, positives, **h),
        hypers={"ring": True, "chunk_size": 2},
        static=("ring", "chunk_size"),
        source="scipy.special.log_softmax of inner products",
        meets=True,
        bad_hypers=({"chunk_size": 0},),
        ulps=ROUNDED,
        extremes={n: x for n, x in matched_sets("anchors", "positives").items() if n != "large"}
        | {"large": {"anchors": 1e15 * np.eye(2), "positives": -1e15 * np.eye(2)}},
    ),
]
