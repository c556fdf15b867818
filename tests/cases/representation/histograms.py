"""Cases of `jaxloss.representation.similarity_ranks.histograms`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, SETS, D, cosine_table, in_sets, in_the_plane, labelled, sides


def _clustered(rng, batch):
    """Equal examples within a class, classes at right angles."""
    labels = labelled(rng, batch)["labels"]
    return {"embeddings": rng.uniform(1, 2, size=(*batch, 1)) * np.eye(4)[labels % 4], "labels": labels}


def _mixed(rng, batch):
    """Positive and negative pairs in every set, also where one in three is masked."""
    labels = np.arange(batch[-1]) % 4 // 2
    return {"embeddings": rng.normal(size=(*batch, D)), "labels": np.broadcast_to(labels, batch).astype(np.int32)}


def _shares(value, nodes):
    """How much a number counts for each node: both neighbours, in proportion."""
    width = nodes[1] - nodes[0]
    below = min(max(int(np.floor((value - nodes[0]) / width)), 0), len(nodes) - 2)
    counts = np.zeros(len(nodes))
    counts[below + 1] = (value - nodes[below]) / width
    counts[below] = 1 - counts[below + 1]
    return counts


def _fast_ap(x, y, num_bins=10):
    """Anchor by anchor, neighbour by neighbour, by squared distances."""
    squares, nodes = 2 - 2 * cosine_table(x, x), np.linspace(0, 4, num_bins + 1)

    def one(d, near, far):
        if not near.any():
            return 0.0
        positives, negatives = (np.sum([_shares(v, nodes) for v in d[side]] or [0 * nodes], 0) for side in (near, far))
        both = np.cumsum(positives + negatives)
        precision = np.divide(np.cumsum(positives), both, out=np.zeros_like(both), where=both > 0)
        return 1 - np.sum(positives * precision) / np.sum(near)

    return [one(d, near, far) for d, (_, near, far) in zip(squares, sides(x, y), strict=True)]


def _histogram(embeddings, labels, num_bins=100, chunk_size=None):
    """Pair by pair."""
    nodes = np.linspace(-1, 1, num_bins + 1)

    def one(x, y):
        cosines = cosine_table(x, x)
        pairs = [(i, j) for i in range(len(y)) for j in range(i)]
        positives = np.mean([_shares(cosines[i, j], nodes) for i, j in pairs if y[i] == y[j]], 0)
        negatives = np.mean([_shares(cosines[i, j], nodes) for i, j in pairs if y[i] != y[j]], 0)
        return np.sum(negatives * np.cumsum(positives))

    batch = labels.shape[:-1]
    return np.reshape([one(embeddings[i], labels[i]) for i in np.ndindex(batch)], batch)


CASES = [
    Case(
        fn=jaxloss.fast_ap_loss,
        draw=labelled,
        structures={"two features": in_the_plane},
        oracle=in_sets(_fast_ap),
        source="Cakir et al. (2019), anchor by anchor, with SciPy's cosines",
        hypers={"num_bins": 7, "chunk_size": 2},
        static=("num_bins", "chunk_size"),
        ends=({"num_bins": 1, "chunk_size": 3},),
        meets=True,
        bad_hypers=({"num_bins": 0}, {"num_bins": 2.5}, {"chunk_size": 0}),
        perfect=_clustered,
        cancels="shares of bins are differences of cosines",
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.histogram_loss,
        draw=_mixed,
        oracle=_histogram,
        source="Ustinova and Lempitsky (2016), pair by pair, with SciPy's cosines",
        hypers={"num_bins": 17, "chunk_size": 2},
        static=("num_bins", "chunk_size"),
        ends=({"num_bins": 1, "chunk_size": 3},),
        pooled=True,
        bad_hypers=({"num_bins": 0}, {"num_bins": 2.5}, {"chunk_size": 0}),
        perfect=lambda rng, batch: {
            **(inputs := _mixed(rng, batch)),
            "embeddings": np.eye(4)[inputs["labels"]],
        },
        cancels="shares of bins are differences of cosines",
        ulps=4 * ROUNDED,
        exempt={"weight_is_repetition": "a copy would be paired with its original; a weight is not"},
        extremes={name: x for name, x in SETS.items() if name != "alone"},
    ),
]
