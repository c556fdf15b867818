"""Cases of `jaxloss.classification.binary`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case

CASES = [
    Case(
        fn=jaxloss.sigmoid_binary_cross_entropy,
        boolean=True,
        draw=lambda rng, batch: {"logits": 3 * rng.normal(size=batch), "targets": rng.uniform(size=batch)},
        oracle=lambda logits, targets, label_smoothing=0.0, pos_weight=1.0: (
            pos_weight * (targets * (1 - label_smoothing) + label_smoothing / 2) * -scipy.special.log_expit(logits)
            + (1 - (targets * (1 - label_smoothing) + label_smoothing / 2)) * -scipy.special.log_expit(-logits)
        ),
        source="scipy.special.log_expit",
        hypers={"label_smoothing": 0.2, "pos_weight": 2.5},
        bad_hypers=({"label_smoothing": 1.5}, {"pos_weight": -1.0}, {"pos_weight": np.ones(3)}),
        convex=True,
        extremes={"saturated": {"logits": np.array([1e4, -1e4, 1e38, 0.0]), "targets": np.array([0.0, 1.0, 1.0, 0.5])}},
        illegal={"targets": (-1.0, 1.5)},
        ends=(
            {"label_smoothing": 0.0, "pos_weight": 2.5},
            {"label_smoothing": 1.0, "pos_weight": 2.5},
            {"label_smoothing": 0.2, "pos_weight": 0.0},
        ),
        exempt={
            "infinite_logits_are_tried": "with smoothed labels none is right; tests/classification/test_cross_entropy.py"
        },
    ),
    Case(
        fn=jaxloss.binary_cross_entropy,
        boolean=True,
        draw=lambda rng, batch: {
            "probs": rng.uniform(0.05, 0.95, size=batch),
            "targets": rng.uniform(size=batch),
        },
        oracle=lambda probs, targets: (
            -(scipy.special.xlogy(targets, probs) + scipy.special.xlog1py(1 - targets, -probs))
        ),
        source="scipy.special.xlogy and xlog1py",
        convex=True,
        extremes={
            "certain": {"probs": np.array([0.0, 1.0, 0.0, 1.0]), "targets": np.array([1.0, 0.0, 0.0, 1.0])},
            "nearly certain": {"probs": np.array([1e-38, 1e-30, 0.99999994]), "targets": np.array([1.0, 0.0, 0.0])},
        },
        illegal={"probs": (-0.1, 1.5), "targets": (-1.0, 1.5)},
    ),
]
