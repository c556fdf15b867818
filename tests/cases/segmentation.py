"""Cases of the overlap losses of `jaxloss.vision`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case

CLASSES = 3
LABELLED = draws.scores_and_labels(CLASSES)
POOL = "one bad label makes its whole pool NaN; see test_segmentation"
HYPERS = {"pixel_ndim": 1, "smoothing": 0.03}
TVERSKY = {**HYPERS, "alpha": 0.3, "beta": 0.8, "gamma": 0.75}
BAD = ({"pixel_ndim": 0}, {"pixel_ndim": 2}, {"pixel_ndim": 1.0}, {"smoothing": -0.1})
BAD_TVERSKY = (*BAD, {"alpha": -0.1}, {"beta": -0.1}, {"gamma": 0.0})
COMPOUND = {**HYPERS, "dice_weight": 0.7, "cross_entropy_weight": 0.4}
BAD_COMPOUND = (*BAD, {"dice_weight": -0.1}, {"cross_entropy_weight": -0.1})
SCALE = np.array([0.0, 1.0, 2.5])


def _probs(rng, batch):
    return {"probs": rng.uniform(0.02, 0.98, batch), "targets": rng.uniform(0.02, 0.98, batch)}


def _logits(rng, batch):
    return {"logits": 2 * rng.normal(size=batch), "targets": rng.uniform(0.02, 0.98, batch)}


def _equal_probs(rng, batch):
    probs = np.where(rng.uniform(size=batch) < 0.3, 0.0, 0.98 * rng.uniform(size=batch))
    return {"probs": probs, "targets": probs.copy()}


def _certain(rng, batch):
    bits = rng.integers(0, 2, batch)
    return {"logits": 1e4 * (2.0 * bits - 1), "targets": bits.astype(float)}


def _certain_labels(rng, batch):
    labels = rng.integers(0, CLASSES, batch).astype(np.int32)
    return {"logits": 1e4 * np.eye(CLASSES)[labels], "labels": labels}


def _index(memberships, targets, alpha, beta, smoothing):
    """Of one pool, pixel by pixel."""
    both = extra = missed = 0.0
    for p, y in zip(memberships, targets, strict=True):
        shared = (p + y - abs(p - y)) / 2
        both, extra, missed = both + shared, extra + p - shared, missed + y - shared
    s = smoothing * len(targets)
    return (both + s) / (both + alpha * extra + beta * missed + s)


def _tversky(probs, targets, pixel_ndim=1, alpha=0.5, beta=0.5, gamma=1.0, smoothing=1e-5):
    assert pixel_ndim == 1
    pools = zip(probs.reshape(-1, probs.shape[-1]), targets.reshape(-1, probs.shape[-1]), strict=True)
    values = [(1 - _index(p, y, alpha, beta, smoothing)) ** gamma for p, y in pools]
    return np.reshape(values, probs.shape[:-1])


def _sigmoid(loss):
    return lambda logits, targets, **hypers: loss(scipy.special.expit(logits), targets, **hypers)


def _softmax(loss):
    """The mean over the classes of a loss of one class."""

    def of_classes(logits, labels, class_weights=None, **hypers):
        probs = scipy.special.softmax(logits, axis=-1)
        each = [loss(probs[..., k], (labels == k).astype(float), **hypers) for k in range(logits.shape[-1])]
        return np.average(each, axis=0, weights=class_weights)

    return of_classes


def _dice(probs, targets, **hypers):
    return _tversky(probs, targets, **hypers)


def _jaccard(probs, targets, **hypers):
    return _tversky(probs, targets, alpha=1.0, beta=1.0, **hypers)


PROB_EDGES = {
    "nothing": {"probs": np.zeros(3), "targets": np.zeros(3)},
    "all missed": {"probs": np.zeros(3), "targets": np.ones(3)},
    "all alarms": {"probs": np.ones(3), "targets": np.zeros(3)},
    "tiny": {"probs": np.array([1e-30, 0.0, 1e-35]), "targets": np.zeros(3)},
    "certain": {"probs": np.array([1.0, 0.0]), "targets": np.array([1.0, 0.0])},
}
LOGIT_EDGES = {
    "saturated": {"logits": np.array([1e4, -1e4, 0.0, 1e30]), "targets": np.array([0.0, 1.0, 0.5, 1.0])},
    "nothing": {"logits": np.full(3, -60.0), "targets": np.zeros(3)},
    "all missed": {"logits": np.full(3, -200.0), "targets": np.ones(3)},
    "infinite": {"logits": np.array([np.inf, -np.inf, np.inf]), "targets": np.array([1.0, 0.0, 0.0])},
}
LABEL_EDGES = {
    "saturated": {"logits": np.array([[1e4, -1e4, 0.0], [0.0, 1e30, -1e30]]), "labels": np.array([1, 1])},
    "absent class": {"logits": np.array([[-np.inf, 0.0, 1.0], [2.0, -np.inf, 0.0]]), "labels": np.array([1, 1])},
    "equal": {"logits": np.zeros((2, 3)), "labels": np.array([2, 2])},
}


def _three(stem, oracle, hypers, bad):
    """The forms of one index: on probabilities, on logits of masks, on logits of classes."""
    of = lambda prefix: getattr(jaxloss, f"{prefix}{stem}_loss")
    source = "formula of the paper, pixel by pixel"
    return [
        Case(
            fn=of(""),
            draw=_probs,
            oracle=oracle,
            source=source,
            hypers=hypers,
            static=("pixel_ndim",),
            bad_hypers=bad,
            pooled=True,
            perfect=_equal_probs,
            extremes=PROB_EDGES,
        ),
        Case(
            fn=of("sigmoid_"),
            draw=_logits,
            oracle=_sigmoid(oracle),
            source=source,
            hypers=hypers,
            static=("pixel_ndim",),
            bad_hypers=bad,
            pooled=True,
            perfect=_certain,
            extremes=LOGIT_EDGES,
        ),
        Case(
            fn=of("softmax_"),
            draw=LABELLED,
            oracle=_softmax(oracle),
            source=source,
            hypers={**hypers, "class_weights": SCALE},
            static=("pixel_ndim",),
            bad_hypers=bad,
            pooled=True,
            perfect=_certain_labels,
            extremes=LABEL_EDGES,
            labels="labels",
            exempt={"labels_out_of_range_never_train": POOL},
        ),
    ]


def _squared_dice(probs, targets, pixel_ndim=1, smoothing=1e-5):
    assert pixel_ndim == 1
    s = smoothing * probs.shape[-1]
    return 1 - (2 * np.sum(probs * targets, -1) + s) / (np.sum(probs**2, -1) + np.sum(targets**2, -1) + s)


def _generalized_dice(logits, labels, pixel_ndim, class_weights=None):
    assert pixel_ndim == 1
    probs = scipy.special.softmax(logits, axis=-1)
    factors = np.ones(CLASSES) if class_weights is None else class_weights

    def one(p, y):
        sizes = [np.sum(y == k) for k in range(CLASSES)]
        finite = [1 / n**2 for n, c in zip(sizes, factors, strict=True) if n and c]
        w = [c / n**2 if n else c * max(finite, default=1.0) for n, c in zip(sizes, factors, strict=True)]
        both = sum(w[k] * np.sum(p[y == k, k]) for k in range(CLASSES))
        return 1 - 2 * both / sum(w[k] * (np.sum(p[:, k]) + sizes[k]) for k in range(CLASSES))

    pools = zip(probs.reshape(-1, *probs.shape[-2:]), labels.reshape(-1, labels.shape[-1]), strict=True)
    return np.reshape([one(p, y) for p, y in pools], labels.shape[:-1])


def _jaccard_extended(errors, members):
    """The integral over all thresholds of the Jaccard loss of the set of pixels whose error is above it."""
    total, levels = 0.0, np.sort(np.append(errors, 0.0))
    for low, high in itertools.pairwise(levels):
        wrong = errors > (low + high) / 2
        kept = np.sum(members & ~wrong)
        union = np.sum(members | wrong)
        total += (high - low) * (1 - kept / union if union else 0.0)
    return total


def _lovasz_hinge(logits, targets, pixel_ndim):
    assert pixel_ndim == 1
    hinges = np.maximum(0, 1 - logits * (2 * targets - 1))
    pools = zip(hinges.reshape(-1, hinges.shape[-1]), targets.reshape(-1, hinges.shape[-1]), strict=True)
    return np.reshape([_jaccard_extended(m, y == 1) for m, y in pools], logits.shape[:-1])


def _lovasz_softmax(logits, labels, pixel_ndim, class_weights=None):
    assert pixel_ndim == 1
    probs = scipy.special.softmax(logits, axis=-1)
    factors = np.ones(CLASSES) if class_weights is None else class_weights

    def one(p, y):
        found = [k for k in range(CLASSES) if np.any(y == k)]
        each = [_jaccard_extended(np.abs(p[:, k] - (y == k)), y == k) for k in found]
        return np.average(each, weights=factors[found]) if np.any(factors[found]) else 0.0

    pools = zip(probs.reshape(-1, *probs.shape[-2:]), labels.reshape(-1, labels.shape[-1]), strict=True)
    return np.reshape([one(p, y) for p, y in pools], labels.shape[:-1])


def _dice_bce(logits, targets, pixel_ndim=1, dice_weight=1.0, cross_entropy_weight=1.0, smoothing=1e-5):
    probs = scipy.special.expit(logits)
    entropy = -np.mean(targets * np.log(probs) + (1 - targets) * np.log1p(-probs), axis=-1)
    return dice_weight * _dice(probs, targets, smoothing=smoothing) + cross_entropy_weight * entropy


def _dice_ce(
    logits, labels, pixel_ndim=1, dice_weight=1.0, cross_entropy_weight=1.0, smoothing=1e-5, class_weights=None
):
    own = np.take_along_axis(scipy.special.log_softmax(logits, axis=-1), labels[..., None], axis=-1)[..., 0]
    overlap = _softmax(_dice)(logits, labels, class_weights=class_weights, smoothing=smoothing)
    return dice_weight * overlap - cross_entropy_weight * np.mean(own, axis=-1)


def _signed(rng, batch):
    """Logits off the margin's edge, of both classes."""
    bits = np.broadcast_to(np.arange(batch[-1]) % 2, batch).astype(float)
    return {"logits": 2 * rng.normal(size=batch), "targets": bits}


def _beyond_the_margin(rng, batch):
    bits = rng.integers(0, 2, batch).astype(float)
    return {"logits": (2 * bits - 1) * rng.uniform(1.1, 5.0, batch), "targets": bits}


CASES = [
    *_three("dice", _dice, HYPERS, BAD),
    *_three("jaccard", _jaccard, HYPERS, BAD),
    *_three("tversky", _tversky, TVERSKY, BAD_TVERSKY),
    Case(
        fn=jaxloss.squared_dice_loss,
        draw=_probs,
        oracle=_squared_dice,
        source="formula of the paper",
        hypers=HYPERS,
        static=("pixel_ndim",),
        bad_hypers=BAD,
        pooled=True,
        perfect=_equal_probs,
        extremes=PROB_EDGES,
    ),
    Case(
        fn=jaxloss.sigmoid_squared_dice_loss,
        draw=_logits,
        oracle=_sigmoid(_squared_dice),
        source="formula of the paper",
        hypers=HYPERS,
        static=("pixel_ndim",),
        bad_hypers=BAD,
        pooled=True,
        perfect=_certain,
        extremes=LOGIT_EDGES,
    ),
    Case(
        fn=jaxloss.softmax_generalized_dice_loss,
        draw=LABELLED,
        oracle=_generalized_dice,
        source="formula of the paper",
        hypers={"pixel_ndim": 1, "class_weights": SCALE},
        static=("pixel_ndim",),
        bad_hypers=BAD[:3],
        pooled=True,
        perfect=_certain_labels,
        extremes=LABEL_EDGES,
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
    ),
    Case(
        fn=jaxloss.lovasz_hinge_loss,
        draw=_signed,
        oracle=_lovasz_hinge,
        source="integral over the thresholds",
        hypers={"pixel_ndim": 1},
        fixed={"targets": "class labels, 0 or 1"},
        static=("pixel_ndim",),
        bad_hypers=BAD[:3],
        pooled=True,
        perfect=_beyond_the_margin,
        convex=True,
        extremes={
            "large": {"logits": np.array([1e30, -1e30, 0.0]), "targets": np.array([0.0, 1.0, 1.0])},
            "ties": {"logits": np.zeros(3), "targets": np.array([0.0, 1.0, 1.0])},
            "nothing": {"logits": np.zeros(3), "targets": np.zeros(3)},
            "everything": {"logits": np.zeros(3), "targets": np.ones(3)},
        },
    ),
    Case(
        fn=jaxloss.lovasz_softmax_loss,
        draw=LABELLED,
        oracle=_lovasz_softmax,
        source="integral over the thresholds",
        hypers={"pixel_ndim": 1, "class_weights": SCALE},
        static=("pixel_ndim",),
        bad_hypers=BAD[:3],
        pooled=True,
        perfect=_certain_labels,
        extremes=LABEL_EDGES,
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
    ),
    Case(
        fn=jaxloss.sigmoid_dice_cross_entropy,
        draw=_logits,
        oracle=_dice_bce,
        source="formulas of the two losses",
        hypers=COMPOUND,
        static=("pixel_ndim",),
        bad_hypers=BAD_COMPOUND,
        pooled=True,
        perfect=_certain,
        extremes={name: LOGIT_EDGES[name] for name in ("saturated", "nothing", "all missed")},
    ),
    Case(
        fn=jaxloss.softmax_dice_cross_entropy,
        draw=LABELLED,
        oracle=_dice_ce,
        source="formulas of the two losses",
        hypers={**COMPOUND, "class_weights": SCALE},
        static=("pixel_ndim",),
        bad_hypers=BAD_COMPOUND,
        pooled=True,
        perfect=_certain_labels,
        extremes={**LABEL_EDGES, "absent class": {**LABEL_EDGES["absent class"], "labels": np.array([1, 0])}},
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
    ),
]
