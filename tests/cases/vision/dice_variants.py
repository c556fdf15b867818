"""Cases of `jaxloss.vision.segmentation.dice_variants`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.vision._masks import (
    BAD,
    CLASSES,
    HYPERS,
    LABEL_EDGES,
    LABELLED,
    LOGIT_EDGES,
    NO_PROBABILITIES,
    NO_TARGETS,
    POOL,
    PROB_EDGES,
    SCALE,
    UNSMOOTHED,
    certain_labels,
    certain_masks,
    equal_masks,
    logit_masks,
    of_sigmoid,
    prob_masks,
)


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


CASES = [
    Case(
        fn=jaxloss.squared_dice_loss,
        boolean=True,
        draw=prob_masks,
        oracle=_squared_dice,
        source="formula of the paper",
        hypers=HYPERS,
        static=("pixel_ndim",),
        bad_hypers=BAD,
        pooled=True,
        perfect=equal_masks,
        extremes=PROB_EDGES,
        illegal=NO_PROBABILITIES,
        ends=(UNSMOOTHED,),
    ),
    Case(
        fn=jaxloss.sigmoid_squared_dice_loss,
        boolean=True,
        draw=logit_masks,
        oracle=of_sigmoid(_squared_dice),
        source="formula of the paper",
        hypers=HYPERS,
        static=("pixel_ndim",),
        bad_hypers=BAD,
        pooled=True,
        perfect=certain_masks,
        extremes=LOGIT_EDGES,
        illegal=NO_TARGETS,
        ends=(UNSMOOTHED,),
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
        perfect=certain_labels,
        extremes=LABEL_EDGES,
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
        translates=(("logits",),),
    ),
]
