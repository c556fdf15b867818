"""Cases of `jaxloss.vision.segmentation.lovasz`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.vision._masks import BAD, CLASSES, LABEL_EDGES, LABELLED, POOL, SCALE, certain_labels


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


def _signed(rng, batch):
    """Logits off the margin's edge, of both classes."""
    bits = rng.permuted(np.broadcast_to(np.arange(batch[-1]) % 2, batch), axis=-1).astype(float)
    return {"logits": 2 * rng.normal(size=batch), "targets": bits}


def _beyond_the_margin(rng, batch):
    bits = rng.integers(0, 2, batch).astype(float)
    return {"logits": (2 * bits - 1) * rng.uniform(1.1, 5.0, batch), "targets": bits}


CASES = [
    Case(
        fn=jaxloss.lovasz_hinge_loss,
        boolean=True,
        draw=_signed,
        oracle=_lovasz_hinge,
        source="integral over the thresholds",
        hypers={"pixel_ndim": 1},
        fixed={"targets": "class labels, 0 or 1"},
        constant={"targets": "they choose the sign of the margin"},
        illegal={"targets": (-1.0, 0.5)},
        static=("pixel_ndim",),
        bad_hypers=BAD[:3],
        pooled=True,
        perfect=_beyond_the_margin,
        convex=True,
        extremes={
            "large": {"logits": np.array([1e30, -1e30, 0.0]), "targets": np.array([0.0, 1.0, 1.0])},
            "infinite": {"logits": np.array([np.inf, -np.inf, 0.0]), "targets": np.array([1.0, 0.0, 1.0])},
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
        perfect=certain_labels,
        extremes=LABEL_EDGES,
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
        translates=(("logits",),),
    ),
]
