"""Cases of `jaxloss.vision.segmentation.compounds`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.vision._masks import (
    BAD,
    HYPERS,
    LABEL_EDGES,
    LABELLED,
    LOGIT_EDGES,
    NO_TARGETS,
    POOL,
    SCALE,
    certain_labels,
    certain_masks,
    dice,
    logit_masks,
    of_softmax,
)

COMPOUND = {**HYPERS, "dice_weight": 0.7, "cross_entropy_weight": 0.4}
ENDS = tuple({**COMPOUND, name: 0.0} for name in ("dice_weight", "cross_entropy_weight", "smoothing"))
BAD_COMPOUND = (*BAD, {"dice_weight": -0.1}, {"cross_entropy_weight": -0.1})


def _dice_bce(logits, targets, pixel_ndim=1, dice_weight=1.0, cross_entropy_weight=1.0, smoothing=1e-5):
    probs = scipy.special.expit(logits)
    entropy = -np.mean(targets * np.log(probs) + (1 - targets) * np.log1p(-probs), axis=-1)
    return dice_weight * dice(probs, targets, smoothing=smoothing) + cross_entropy_weight * entropy


def _dice_ce(
    logits, labels, pixel_ndim=1, dice_weight=1.0, cross_entropy_weight=1.0, smoothing=1e-5, class_weights=None
):
    own = np.take_along_axis(scipy.special.log_softmax(logits, axis=-1), labels[..., None], axis=-1)[..., 0]
    overlap = of_softmax(dice)(logits, labels, class_weights=class_weights, smoothing=smoothing)
    return dice_weight * overlap - cross_entropy_weight * np.mean(own, axis=-1)


CASES = [
    Case(
        fn=jaxloss.sigmoid_dice_cross_entropy,
        boolean=True,
        draw=logit_masks,
        oracle=_dice_bce,
        source="formulas of the two losses",
        hypers=COMPOUND,
        static=("pixel_ndim",),
        bad_hypers=BAD_COMPOUND,
        pooled=True,
        perfect=certain_masks,
        extremes={name: LOGIT_EDGES[name] for name in ("saturated", "nothing", "all missed")}
        | {"infinite": {"logits": np.array([np.inf, -np.inf, 0.0]), "targets": np.array([1.0, 0.0, 1.0])}},
        illegal=NO_TARGETS,
        ends=ENDS,
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
        perfect=certain_labels,
        extremes={**LABEL_EDGES, "absent class": {**LABEL_EDGES["absent class"], "labels": np.array([1, 0])}},
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
        ends=tuple({**end, "class_weights": SCALE} for end in ENDS),
        translates=(("logits",),),
    ),
]
