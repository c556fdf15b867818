"""Cases of `jaxloss.representation.contrast.decoupled`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases._complex_step import complex_step
from tests.cases.representation._shared import (
    ROUNDED,
    SETS,
    cosine_table,
    in_sets,
    in_the_plane,
    labelled,
    matched_sets,
    sides,
    vectors,
)


def _decoupled(x, y, temperature=0.1, hard_positive_temperature=None):
    """Summed over the positives of every anchor."""
    rows = list(zip(cosine_table(x, x), sides(x, y), strict=True))
    emphasis = np.ones_like
    if hard_positive_temperature is not None:
        size = lambda s: np.exp(s / hard_positive_temperature)
        mean = np.mean(np.concatenate([size(s[near]) for s, (_, near, _) in rows]))
        emphasis = lambda s: 2 - size(s) / mean

    def one(s, near, far):
        if not (near.any() and far.any()):
            return 0.0
        rest = scipy.special.logsumexp(s[far] / temperature)
        return sum(rest - w * c / temperature for w, c in zip(emphasis(s[near]), s[near], strict=True))

    return [one(s, near, far) for s, (_, near, far) in rows]


def _slopes(embeddings, labels, temperature=0.1, hard_positive_temperature=None, chunk_size=None):
    """With the weights of the positive pairs held constant."""
    unit = lambda x: x / np.sqrt(np.sum(x**2, -1, keepdims=True))
    table = lambda x: unit(x) @ np.swapaxes(unit(x), -1, -2)
    same = labels[..., :, None] == labels[..., None, :]
    near, far = same & ~np.eye(labels.shape[-1], dtype=bool), ~same
    weights = np.where(near, 1.0, 0.0)
    if hard_positive_temperature is not None:
        sizes = np.where(near, np.exp(table(embeddings) / hard_positive_temperature), 0)
        mean = np.sum(sizes, (-2, -1), keepdims=True) / np.maximum(np.sum(near, (-2, -1), keepdims=True), 1)
        weights = np.where(near, 2 - sizes / np.where(mean == 0, 1, mean), 0)
    complete, positives = near.any(-1) & far.any(-1), np.sum(near, -1)

    def held(embeddings):
        logits = table(embeddings) / temperature
        rest = np.sum(np.where(far, np.exp(logits), 0), -1)
        rest = np.log(np.where(complete, rest, 1))
        return np.where(complete, positives * rest - np.sum(weights * logits, -1), 0)

    return complex_step(held, {"embeddings": embeddings}, ("embeddings",))


def _infoloob(queries, keys, temperature=1 / 30, ring=False, chunk_size=None):
    def one(x, y):
        logits = cosine_table(x, y) / temperature
        return [scipy.special.logsumexp(np.delete(row, i)) - row[i] for i, row in enumerate(logits)]

    sets = zip(*(x.reshape(-1, *x.shape[-2:]) for x in (queries, keys)), strict=True)
    return np.reshape([one(x, y) for x, y in sets], queries.shape[:-1])


CASES = [
    Case(
        fn=jaxloss.decoupled_contrastive_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_decoupled),
        source="Yeh et al. (2022), anchor by anchor, with SciPy's cosines",
        hypers={"temperature": 0.6, "hard_positive_temperature": 0.75, "chunk_size": 2},
        static=("chunk_size",),
        fixed={"hard_positive_temperature": "it is in the weights of the positives, which are constants"},
        constant={"hard_positive_temperature": "it is in the weights of the positives, which are constants"},
        slopes=_slopes,
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"hard_positive_temperature": 0.0}, {"chunk_size": 0}),
        bound=None,
        cancels="the logit of the positive is subtracted from a log-sum of the negatives",
        ulps=ROUNDED,
        exempt={"derivatives": "the weights of positive pairs are constants of differentiation, as in the paper"},
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.infoloob_loss,
        draw=vectors("queries", "keys"),
        structures={"two features": vectors("queries", "keys", size=2)},
        oracle=_infoloob,
        source="Fürst et al. (2022), query by query, with SciPy's cosines",
        hypers={"temperature": 0.6, "ring": True, "chunk_size": 2},
        static=("ring", "chunk_size"),
        meets=True,
        bad_hypers=({"temperature": 0.0}, {"chunk_size": 0}),
        bound=None,
        cancels="the logit of the key is subtracted from a log-sum of the others",
        ulps=ROUNDED,
        extremes=matched_sets("queries", "keys"),
    ),
]
