"""What the Cases of the overlap losses share: masks, their edges, and the index of one pool, pixel by pixel."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case

CLASSES = 3
LABELLED = draws.scores_and_labels(CLASSES)
POOL = "one bad label makes its whole pool NaN; see test_segmentation"
HYPERS = {"pixel_ndim": 1, "smoothing": 0.03}
BAD = ({"pixel_ndim": 0}, {"pixel_ndim": 2}, {"pixel_ndim": 1.0}, {"smoothing": -0.1})
SCALE = np.array([0.0, 1.0, 2.5])
OUTSIDE = (-0.1, 1.5)
NO_TARGETS = {"targets": OUTSIDE}
NO_PROBABILITIES = {"probs": OUTSIDE, "targets": OUTSIDE}
UNSMOOTHED = {**HYPERS, "smoothing": 0.0}


def prob_masks(rng, batch):
    return {"probs": rng.uniform(0.02, 0.98, batch), "targets": rng.uniform(0.02, 0.98, batch)}


def logit_masks(rng, batch):
    return {"logits": 2 * rng.normal(size=batch), "targets": rng.uniform(0.02, 0.98, batch)}


def equal_masks(rng, batch):
    probs = np.where(rng.uniform(size=batch) < 0.3, 0.0, 0.98 * rng.uniform(size=batch))
    return {"probs": probs, "targets": probs.copy()}


def certain_masks(rng, batch):
    bits = rng.integers(0, 2, batch)
    return {"logits": 1e4 * (2.0 * bits - 1), "targets": bits.astype(float)}


def certain_labels(rng, batch):
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


def tversky(probs, targets, pixel_ndim=1, alpha=0.5, beta=0.5, gamma=1.0, smoothing=1e-5):
    assert pixel_ndim == 1
    pools = zip(probs.reshape(-1, probs.shape[-1]), targets.reshape(-1, probs.shape[-1]), strict=True)
    values = [(1 - _index(p, y, alpha, beta, smoothing)) ** gamma for p, y in pools]
    return np.reshape(values, probs.shape[:-1])


def of_sigmoid(loss):
    return lambda logits, targets, **hypers: loss(scipy.special.expit(logits), targets, **hypers)


def of_softmax(loss):
    """The mean over the classes of a loss of one class."""

    def of_classes(logits, labels, class_weights=None, **hypers):
        probs = scipy.special.softmax(logits, axis=-1)
        each = [loss(probs[..., k], (labels == k).astype(float), **hypers) for k in range(logits.shape[-1])]
        return np.average(each, axis=0, weights=class_weights)

    return of_classes


def dice(probs, targets, **hypers):
    return tversky(probs, targets, **hypers)


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


def three_forms(stem, oracle, hypers, bad, ends=()):
    """The forms of one index: on probabilities, on logits of masks, on logits of classes."""
    of = lambda prefix: getattr(jaxloss, f"{prefix}{stem}_loss")
    source = "formula of the paper, pixel by pixel"
    return [
        Case(
            fn=of(""),
            boolean=True,
            draw=prob_masks,
            oracle=oracle,
            source=source,
            hypers=hypers,
            static=("pixel_ndim",),
            bad_hypers=bad,
            pooled=True,
            perfect=equal_masks,
            extremes=PROB_EDGES,
            illegal=NO_PROBABILITIES,
            ends=ends,
        ),
        Case(
            fn=of("sigmoid_"),
            boolean=True,
            draw=logit_masks,
            oracle=of_sigmoid(oracle),
            source=source,
            hypers=hypers,
            static=("pixel_ndim",),
            bad_hypers=bad,
            pooled=True,
            perfect=certain_masks,
            extremes=LOGIT_EDGES,
            illegal=NO_TARGETS,
            ends=ends,
        ),
        Case(
            fn=of("softmax_"),
            draw=LABELLED,
            oracle=of_softmax(oracle),
            source=source,
            hypers={**hypers, "class_weights": SCALE},
            static=("pixel_ndim",),
            bad_hypers=bad,
            pooled=True,
            perfect=certain_labels,
            extremes=LABEL_EDGES,
            labels="labels",
            exempt={"labels_out_of_range_never_train": POOL},
            ends=tuple({**end, "class_weights": SCALE} for end in ends),
            translates=(("logits",),),
        ),
    ]
