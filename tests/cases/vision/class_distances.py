"""Cases of `jaxloss.vision.imbalance.class_distances`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.vision._masks import BAD, CLASSES, LABEL_EDGES, LABELLED, POOL, certain_labels

DISTANCES = np.array([[0.0, 1.0, 0.7], [0.9, 0.0, 0.2], [0.5, 0.3, 0.0]])
HYPERS = {"pixel_ndim": 1, "distance_matrix": DISTANCES, "background": 1, "smoothing": 0.03}


def wasserstein_dice(logits, labels, pixel_ndim, distance_matrix=DISTANCES, background=0, smoothing=1e-5):
    """Pixel by pixel."""
    assert pixel_ndim == 1
    values = np.zeros(labels.shape[:-1])
    for i in np.ndindex(values.shape):
        error = agreement = 0.0
        for z, y in zip(logits[i], labels[i], strict=True):
            cost = np.dot(distance_matrix[y], scipy.special.softmax(z))
            error += cost
            agreement += 0.0 if y == background else 1 - cost
        values[i] = error / (2 * agreement + error + smoothing * len(labels[i]))
    return values


CASES = [
    Case(
        fn=jaxloss.softmax_wasserstein_dice_loss,
        draw=LABELLED,
        oracle=wasserstein_dice,
        source="formula of the paper, pixel by pixel",
        hypers=HYPERS,
        ends=({**HYPERS, "smoothing": 0.0},),
        static=("pixel_ndim", "background"),
        bad_hypers=(
            *BAD,
            {"distance_matrix": -DISTANCES},
            {"distance_matrix": 2 * DISTANCES},
            {"distance_matrix": DISTANCES[:2]},
            {"background": CLASSES},
            {"background": -1},
        ),
        pooled=True,
        perfect=certain_labels,
        extremes=LABEL_EDGES,
        labels="labels",
        exempt={"labels_out_of_range_never_train": POOL},
        translates=(("logits",),),
    ),
]
