"""Cases of `jaxloss.representation`: pairs, triplets and batches that contrast their own examples."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.special

import jaxloss
from tests.cases import Case

GAPS = "a small violation is a difference of distances and a margin"
SIDES = "which side of the loss a pair takes"
D = 3


def _vectors(*names):
    return lambda rng, batch: {name: rng.normal(size=(*batch, D)) for name in names}


def _equal(*names):
    def draw(rng, batch):
        values = rng.normal(size=(*batch, D))
        return {name: values.copy() for name in names}

    return draw


def _flags(rng, batch, other):
    return np.where(rng.uniform(size=batch) < 0.5, 1.0, float(other))


def _pairs(other):
    return lambda rng, batch: {
        **_vectors("anchors", "others")(rng, batch),
        "targets": _flags(rng, batch, other),
    }


def _similar(rng, batch):
    return {**_equal("anchors", "others")(rng, batch), "targets": np.ones(batch)}


def _by_row(metric):
    """A SciPy distance of two vectors, for every row."""

    def rows(x, y, **options):
        flat = zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
        return np.array([metric(a, b, **options) for a, b in flat]).reshape(x.shape[:-1])

    return rows


EUCLIDEAN, COSINE = _by_row(scipy.spatial.distance.euclidean), _by_row(scipy.spatial.distance.cosine)
MINKOWSKI = _by_row(scipy.spatial.distance.minkowski)


def _contrastive(anchors, others, targets, margin=1.0):
    d = EUCLIDEAN(anchors, others)
    return targets * d**2 + (1 - targets) * np.maximum(0, margin - d) ** 2


def _cosine_embedding(anchors, others, targets, margin=0.0):
    d = COSINE(anchors, others)
    return np.where(targets == 1, d, np.maximum(0, 1 - d - margin))


def _hinge_embedding(distances, targets, margin=1.0):
    return np.where(targets == 1, distances, np.maximum(0, margin - distances))


def _triplet(anchors, positives, negatives, margin=1.0, norm_degree=2.0, swap=False):
    far = MINKOWSKI(anchors, negatives, p=norm_degree)
    if swap:
        far = np.minimum(far, MINKOWSKI(positives, negatives, p=norm_degree))
    return np.maximum(0, margin + MINKOWSKI(anchors, positives, p=norm_degree) - far)


def _far_negative(rng, batch):
    values = rng.normal(size=(*batch, D))
    return {"anchors": values, "positives": values.copy(), "negatives": values + 9}


def _labelled(rng, batch):
    """Embeddings of a few classes, every example with a partner also where one in three is masked."""
    labels = np.arange(batch[-1]) % 2 if batch[-1] < 8 else np.arange(batch[-1]) % 4
    return {"embeddings": rng.normal(size=(*batch, D)), "labels": np.broadcast_to(labels, batch).astype(np.int32)}


def _clustered(rng, batch):
    """Equal examples within a class, classes far apart."""
    labels = _labelled(rng, batch)["labels"]
    return {"embeddings": 9.0 * np.eye(4)[labels % 4], "labels": labels}


def _in_sets(one):
    """An oracle of one batch, applied to every set of examples."""

    def oracle(embeddings, labels, **hypers):
        sets = zip(embeddings.reshape(-1, *embeddings.shape[-2:]), labels.reshape(-1, labels.shape[-1]), strict=True)
        return np.array([one(x, y, **hypers) for x, y in sets]).reshape(labels.shape)

    return oracle


def _sides(x, y):
    distances = scipy.spatial.distance.cdist(x, x)
    index = np.arange(len(y))
    for i in index:
        yield distances[i], (y == y[i]) & (index != i), y != y[i]


def _batch_all(x, y, margin=1.0):
    """Summed over the active triplets of every anchor."""
    return [
        sum(max(0.0, margin + d[p] - d[n]) for p in np.flatnonzero(near) for n in np.flatnonzero(far))
        for d, near, far in _sides(x, y)
    ]


def _batch_hard(x, y, margin=1.0):
    return [
        max(0.0, margin + d[near].max() - d[far].min()) if near.any() and far.any() else 0.0
        for d, near, far in _sides(x, y)
    ]


def _semi_hard(x, y, margin=1.0):
    """Summed over the positives of every anchor."""

    def one(d, near, far):
        chosen = [
            min((n for n in d[far] if n > d[p]), default=max(d[far], default=np.inf)) for p in np.flatnonzero(near)
        ]
        return sum(max(0.0, margin + p - n) for p, n in zip(d[near], chosen, strict=True))

    return [one(*sides) for sides in _sides(x, y)]


def _of_pairs(one):
    """An oracle of two matched sets, applied to every pair of sets."""

    def oracle(first, second, **hypers):
        sets = zip(first.reshape(-1, *first.shape[-2:]), second.reshape(-1, *first.shape[-2:]), strict=True)
        return np.array([one(x, y, **hypers) for x, y in sets]).reshape(first.shape[:-1])

    return oracle


def _cosines(x, y):
    return 1 - scipy.spatial.distance.cdist(x, y, "cosine")


def _one_way(logits):
    return -np.diagonal(scipy.special.log_softmax(logits, axis=1))


def _infonce(x, y, temperature=0.07):
    return _one_way(_cosines(x, y) / temperature)


def _clip(x, y, temperature=0.07):
    logits = _cosines(x, y) / temperature
    return (_one_way(logits) + _one_way(logits.T)) / 2


def _siglip(x, y, temperature=0.1, bias=-10.0):
    signs = 2 * np.eye(len(x)) - 1
    return -np.sum(scipy.special.log_expit(signs * (_cosines(x, y) / temperature + bias)), axis=1)


def _ntxent(x, y, temperature=0.07):
    """Summed over the positives of every anchor."""

    def one(s, near, far):
        return sum(-scipy.special.log_softmax([s[p], *s[far]])[0] for p in np.flatnonzero(near))

    logits = _cosines(x, x) / temperature
    return [one(s, near, far) for s, (_, near, far) in zip(logits, _sides(x, y), strict=True)]


def _supcon(x, y, temperature=0.1):
    def one(s, near, far):
        return np.mean(scipy.special.logsumexp(s[near | far]) - s[near]) if near.any() else 0.0

    logits = _cosines(x, x) / temperature
    return [one(s, near, far) for s, (_, near, far) in zip(logits, _sides(x, y), strict=True)]


def _multi_similarity(x, y, alpha=2.0, beta=50.0, base=0.5):
    cosines = _cosines(x, x)
    return [
        np.log1p(np.sum(np.exp(-alpha * (s[near] - base)))) / alpha
        + np.log1p(np.sum(np.exp(beta * (s[far] - base)))) / beta
        for s, (_, near, far) in zip(cosines, _sides(x, y), strict=True)
    ]


def _circle(x, y, margin=0.4, scale=80.0):
    def one(s, near, far):
        low = [-scale * max(0.0, 1 + margin - v) * (v - 1 + margin) for v in s[near]]
        high = [scale * max(0.0, v + margin) * (v - margin) for v in s[far]]
        return np.logaddexp(0, scipy.special.logsumexp(np.add.outer(low, high))) if near.any() and far.any() else 0.0

    return [one(s, near, far) for s, (_, near, far) in zip(_cosines(x, x), _sides(x, y), strict=True)]


def _queue(queries, keys, negatives, temperature=0.07):
    flat = zip(queries.reshape(-1, D), keys.reshape(-1, D), strict=True)
    logits = [_cosines(q[None], np.stack([k, *negatives]))[0] / temperature for q, k in flat]
    return np.array([-scipy.special.log_softmax(row)[0] for row in logits]).reshape(queries.shape[:-1])


ROUNDED = 16
"""Units in the last place: an exponential carries the rounding of a cosine of size 1, multiplied."""


def _matched_sets(first, second):
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


CASES = [
    Case(
        fn=jaxloss.contrastive_loss,
        draw=_pairs(0),
        oracle=_contrastive,
        source="formula, with scipy.spatial.distance.euclidean",
        hypers={"margin": 1.7},
        fixed={"targets": SIDES},
        bad_hypers=({"margin": 0.0},),
        perfect=_similar,
        cancels=GAPS,
        extremes={
            "large": {
                "anchors": np.full((2, 2), 1e18),
                "others": np.full((2, 2), -1e18),
                "targets": np.array([0.0, 1]),
            },
            "equal": {"anchors": np.ones((2, 2)), "others": np.ones((2, 2)), "targets": np.array([0.0, 1])},
        },
    ),
    Case(
        fn=jaxloss.cosine_embedding_loss,
        draw=_pairs(-1),
        oracle=_cosine_embedding,
        source="formula, with scipy.spatial.distance.cosine",
        hypers={"margin": -0.3},
        fixed={"targets": SIDES},
        bad_hypers=({"margin": 1.5}, {"margin": -2.0}),
        perfect=_similar,
        cancels=GAPS,
        extremes={
            "large": {
                "anchors": np.full((2, 2), 1e30),
                "others": np.full((2, 2), -1e30),
                "targets": np.array([-1.0, 1]),
            },
            "zero": {"anchors": np.zeros((2, 2)), "others": np.ones((2, 2)), "targets": np.array([-1.0, 1])},
        },
    ),
    Case(
        fn=jaxloss.hinge_embedding_loss,
        draw=lambda rng, batch: {"distances": rng.gamma(2.0, 0.5, size=batch), "targets": _flags(rng, batch, -1)},
        oracle=_hinge_embedding,
        source="formula",
        hypers={"margin": 1.7},
        fixed={"targets": SIDES},
        bad_hypers=({"margin": 0.0},),
        convex=True,
        cancels=GAPS,
        extremes={"large": {"distances": np.array([1e30, 0.0]), "targets": np.array([1.0, -1.0])}},
    ),
    Case(
        fn=jaxloss.triplet_margin_loss,
        draw=_vectors("anchors", "positives", "negatives"),
        oracle=_triplet,
        source="formula, with scipy.spatial.distance.minkowski",
        hypers={"margin": 2.5, "norm_degree": 3.5, "swap": True},
        static=("swap",),
        bad_hypers=({"margin": 0.0}, {"norm_degree": 0.5}, {"norm_degree": np.inf}),
        perfect=_far_negative,
        cancels=GAPS,
        extremes={
            "large": {
                n: x * np.full((2, 2), 1e30) for n, x in {"anchors": 1, "positives": -1, "negatives": 0.5}.items()
            },
            "equal": {n: np.ones((2, 2)) for n in ("anchors", "positives", "negatives")},
        },
    ),
    Case(
        fn=jaxloss.soft_margin_triplet_loss,
        draw=_vectors("anchors", "positives", "negatives"),
        oracle=lambda anchors, positives, negatives: np.logaddexp(
            0, EUCLIDEAN(anchors, positives) - EUCLIDEAN(anchors, negatives)
        ),
        source="formula, with scipy.spatial.distance.euclidean",
        ulps=8,  # an exponential of a difference of distances of up to 8
        extremes={
            "large": {
                n: x * np.full((2, 2), 1e30) for n, x in {"anchors": 1, "positives": -1, "negatives": 0.5}.items()
            },
            "equal": {n: np.ones((2, 2)) for n in ("anchors", "positives", "negatives")},
        },
    ),
    Case(
        fn=jaxloss.batch_all_triplet_loss,
        draw=_labelled,
        oracle=_in_sets(_batch_all),
        source="formula, triplet by triplet",
        hypers={"margin": 1.7},
        meets=True,
        bad_hypers=({"margin": 0.0},),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.batch_hard_triplet_loss,
        draw=_labelled,
        oracle=_in_sets(_batch_hard),
        source="formula, anchor by anchor",
        hypers={"margin": 1.7},
        meets=True,
        bad_hypers=({"margin": 0.0},),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.batch_semi_hard_triplet_loss,
        draw=_labelled,
        oracle=_in_sets(_semi_hard),
        source="formula of FaceNet, pair by pair",
        hypers={"margin": 1.7},
        meets=True,
        bad_hypers=({"margin": 0.0},),
        perfect=_clustered,
        cancels=GAPS,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.infonce_loss,
        draw=_vectors("queries", "keys"),
        oracle=lambda queries, keys, **hypers: _of_pairs(_infonce)(queries, keys, **hypers),
        source="scipy.special.log_softmax of SciPy's cosines",
        hypers={"temperature": 0.6},
        meets=True,
        bad_hypers=({"temperature": 0.0},),
        ulps=ROUNDED,
        extremes=_matched_sets("queries", "keys"),
    ),
    Case(
        fn=jaxloss.infonce_with_queue_loss,
        draw=lambda rng, batch: {
            **_vectors("queries", "keys")(rng, batch),
            "negatives": np.random.default_rng(7).normal(size=(4, D)),
        },
        oracle=_queue,
        source="scipy.special.log_softmax of SciPy's cosines",
        hypers={"temperature": 0.6},
        shared=("negatives",),
        bad_hypers=({"temperature": 0.0},),
        ulps=ROUNDED,
        extremes={n: {**x, "negatives": x["keys"]} for n, x in _matched_sets("queries", "keys").items()},
    ),
    Case(
        fn=jaxloss.clip_loss,
        draw=_vectors("image_embeddings", "text_embeddings"),
        oracle=lambda image_embeddings, text_embeddings, **h: _of_pairs(_clip)(image_embeddings, text_embeddings, **h),
        source="scipy.special.log_softmax of SciPy's cosines",
        hypers={"temperature": 0.6},
        meets=True,
        bad_hypers=({"temperature": 0.0},),
        ulps=ROUNDED,
        extremes=_matched_sets("image_embeddings", "text_embeddings"),
    ),
    Case(
        fn=jaxloss.siglip_loss,
        draw=_vectors("image_embeddings", "text_embeddings"),
        oracle=lambda image_embeddings, text_embeddings, **h: _of_pairs(_siglip)(
            image_embeddings, text_embeddings, **h
        ),
        source="scipy.special.log_expit of SciPy's cosines",
        hypers={"temperature": 0.6, "bias": -0.5},
        meets=True,
        bad_hypers=({"temperature": 0.0},),
        ulps=ROUNDED,
        extremes=_matched_sets("image_embeddings", "text_embeddings"),
    ),
    Case(
        fn=jaxloss.n_pairs_loss,
        draw=_vectors("anchors", "positives"),
        oracle=lambda anchors, positives: _of_pairs(lambda x, y: _one_way(x @ y.T))(anchors, positives),
        source="scipy.special.log_softmax of inner products",
        meets=True,
        ulps=ROUNDED,
        extremes={n: x for n, x in _matched_sets("anchors", "positives").items() if n != "large"}
        | {"large": {"anchors": 1e15 * np.eye(2), "positives": -1e15 * np.eye(2)}},
    ),
    Case(
        fn=jaxloss.ntxent,
        draw=_labelled,
        oracle=_in_sets(_ntxent),
        source="scipy.special.log_softmax of SciPy's cosines, pair by pair",
        hypers={"temperature": 0.6},
        meets=True,
        bad_hypers=({"temperature": 0.0},),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.supcon_loss,
        draw=_labelled,
        oracle=_in_sets(_supcon),
        source="scipy.special.logsumexp of SciPy's cosines, anchor by anchor",
        hypers={"temperature": 0.6},
        meets=True,
        bad_hypers=({"temperature": 0.0},),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.multi_similarity_loss,
        draw=_labelled,
        oracle=_in_sets(_multi_similarity),
        source="formula of the paper, anchor by anchor",
        hypers={"alpha": 1.5, "beta": 7.0, "base": 0.3},
        meets=True,
        bad_hypers=({"alpha": 0.0}, {"beta": -1.0}),
        ulps=ROUNDED,
        extremes=SETS,
    ),
    Case(
        fn=jaxloss.circle_loss,
        draw=_labelled,
        oracle=_in_sets(_circle),
        source="formula of the paper, anchor by anchor",
        hypers={"margin": 0.3, "scale": 4.0},
        meets=True,
        bad_hypers=({"margin": -0.1}, {"margin": 1.1}, {"scale": 0.0}),
        ulps=ROUNDED,
        exempt={"derivatives": "the weights of pairs are constants of differentiation, as in the paper"},
        extremes=SETS,
    ),
]
