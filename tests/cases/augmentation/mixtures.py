"""Cases of the losses of mixed examples."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.draws import Draw

HELPERS = {"cutmix": "mixes images; not a loss", "mixup": "mixes examples; not a loss"}


def _mixed_examples(classes: int) -> Draw:
    return lambda rng, batch: {
        "logits": 2 * rng.normal(size=(*batch, classes)),
        "labels": rng.integers(0, classes, size=batch).astype(np.int32),
        "partner_labels": rng.integers(0, classes, size=batch).astype(np.int32),
    }


def _mixed(logits, labels, partner_labels, lam, label_smoothing=0.0):
    classes = logits.shape[-1]
    targets = lam * np.eye(classes)[labels] + (1 - lam) * np.eye(classes)[partner_labels]
    targets = (1 - label_smoothing) * targets + label_smoothing / classes
    return -np.sum(targets * scipy.special.log_softmax(logits, -1), -1)


CASES = [
    Case(
        fn=jaxloss.mixup_cross_entropy,
        draw=_mixed_examples(5),
        structures={"one class": _mixed_examples(1), "two classes": _mixed_examples(2)},
        oracle=_mixed,
        source="scipy.special.log_softmax with mixed one-hot targets",
        hypers={"lam": 0.3, "label_smoothing": 0.1},
        bad_hypers=({"lam": -0.1}, {"lam": 1.5}, {"label_smoothing": 2.0}),
        ends=(
            {"lam": 0.0, "label_smoothing": 0.1},
            {"lam": 1.0, "label_smoothing": 0.1},
            {"lam": 0.3, "label_smoothing": 0.0},
            {"lam": 0.3, "label_smoothing": 1.0},
        ),
        labels="partner_labels",
        convex=True,
        extremes={
            "saturated": {
                "logits": np.array([[1e4, 0.0, -1e4], [0.0, -1e4, 1e4]]),
                "labels": np.array([0, 1], np.int32),
                "partner_labels": np.array([2, 1], np.int32),
            },
            "absent": {
                "logits": np.array([[1.0, -np.inf, 0.0]]),
                "labels": np.array([0], np.int32),
                "partner_labels": np.array([2], np.int32),
            },
        },
        translates=(("logits",),),
    ),
]
