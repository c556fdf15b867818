"""Cases of the losses of mixed examples."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape


def _logits(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5))}


def _mixed(logits, labels, partner_labels, lam, label_smoothing=0.0):
    targets = lam * np.eye(5)[labels] + (1 - lam) * np.eye(5)[partner_labels]
    targets = (1 - label_smoothing) * targets + label_smoothing / 5
    return -np.sum(targets * scipy.special.log_softmax(logits, -1), -1)


CASES = [
    Case(
        fn=jaxloss.mixup_cross_entropy,
        draw=lambda rng, batch: {
            **_logits(rng, batch),
            "labels": rng.integers(0, 5, size=batch).astype(np.int32),
            "partner_labels": rng.integers(0, 5, size=batch).astype(np.int32),
        },
        oracle=_mixed,
        source="scipy.special.log_softmax with mixed one-hot targets",
        hypers={"lam": 0.3, "label_smoothing": 0.1},
        bad_hypers=({"lam": -0.1}, {"lam": 1.5}, {"label_smoothing": 2.0}),
        labels="partner_labels",
        convex=True,
        extremes={
            "saturated": {
                "logits": np.array([[1e4, 0.0, -1e4], [0.0, -1e4, 1e4]]),
                "labels": np.array([0, 1], np.int32),
                "partner_labels": np.array([2, 1], np.int32),
            }
        },
    ),
]
