"""Cases of `jaxloss.classification.calibration`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.classification._shared import LABELLED, LARGE, certain_labels

ABSENT = {"logits": np.array([[1.0, -np.inf, 0.0]]), "labels": np.array([2], np.int32)}


def _nll(logits, labels):
    return -np.take_along_axis(scipy.special.log_softmax(logits, -1), labels[..., None], -1)[..., 0]


def _soft_bins(logits, labels, num_bins=15, temperature=0.01):
    probs = scipy.special.softmax(logits, -1)
    confidence, correct = probs.max(-1), probs.argmax(-1) == labels
    centres = (np.arange(num_bins) + 0.5) / num_bins
    log_member = scipy.special.log_softmax(-((confidence[..., None] - centres) ** 2) / temperature, axis=-1)
    share, size = scipy.special.softmax(log_member, axis=-2), np.exp(log_member).sum(-2)
    gaps = (share * (correct - confidence)[..., None]).sum(-2)
    return np.sqrt((size / confidence.shape[-1] * gaps**2).sum(-1))


def _margin(logits, labels, margin=10.0, penalty_weight=0.1):
    far = logits.max(-1, keepdims=True) - logits - margin
    return _nll(logits, labels) + penalty_weight * np.clip(far, 0, None).sum(-1)


CASES = [
    Case(
        fn=jaxloss.soft_ece,
        draw=LABELLED,
        oracle=_soft_bins,
        source="formula of the paper",
        hypers={"num_bins": 7, "temperature": 0.03},
        static=("num_bins",),
        bad_hypers=({"num_bins": 0}, {"num_bins": 2.0}, {"temperature": 0.0}),
        pooled=True,
        perfect=certain_labels,
        cancels="calibration is a difference of averages",
        extremes={
            "large": LARGE,
            "absent class": ABSENT,
            "certain": {"logits": 1e4 * np.eye(3), "labels": np.arange(3, dtype=np.int32)},
        },
        labels="labels",
        exempt={
            "labels_out_of_range_never_train": "one bad label makes its whole pool NaN; see test_calibration",
        },
        ends=({"num_bins": 1, "temperature": 0.03}, {"num_bins": 7, "temperature": 3e-4}),
        structures={"two classes": draws.scores_and_labels(2)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.margin_label_smoothing_loss,
        draw=LABELLED,
        oracle=_margin,
        source="formula of the paper",
        hypers={"margin": 1.5, "penalty_weight": 0.3},
        bad_hypers=({"margin": -1.0}, {"penalty_weight": -0.1}),
        convex=True,
        extremes={"large": LARGE, "absent class": ABSENT},
        labels="labels",
        ends=({"margin": 0.0, "penalty_weight": 0.3}, {"margin": 1.5, "penalty_weight": 0.0}),
        structures={"two classes": draws.scores_and_labels(2)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.temperature_scaling_nll,
        draw=LABELLED,
        oracle=lambda logits, labels, temperature: _nll(logits / temperature, labels),
        source="scipy.special.log_softmax of the scaled logits",
        hypers={"temperature": 1.7},
        bad_hypers=({"temperature": 0.0},),
        convex=True,
        extremes={"large": LARGE, "absent class": ABSENT},
        labels="labels",
        structures={"two classes": draws.scores_and_labels(2)},
        translates=(("logits",),),
    ),
]
