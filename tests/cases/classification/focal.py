"""Cases of `jaxloss.classification.focal`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import EDGES, FACTORS, LABELS, certain_binary, certain_labels, cross_entropy


def _binary(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 3 * rng.normal(size=batch), "targets": rng.uniform(size=batch)}


def _sigmoid_oracle(logits, targets, alpha=None, gamma=2.0):
    ce = -targets * scipy.special.log_expit(logits) - (1 - targets) * scipy.special.log_expit(-logits)
    p = scipy.special.expit(logits)
    balance = 1.0 if alpha is None else alpha * targets + (1 - alpha) * (1 - targets)
    return balance * (targets * (1 - p) + (1 - targets) * p) ** gamma * ce


def _softmax_oracle(logits, labels, alpha=None, gamma=2.0):
    one_hot = np.eye(logits.shape[-1])[labels]
    log_p = np.sum(one_hot * scipy.special.log_softmax(logits, -1), -1)
    return -(1.0 if alpha is None else one_hot @ alpha) * (1 - np.exp(log_p)) ** gamma * log_p


SATURATED = {
    "logits": np.array([1e4, -1e4, 1e4, -1e4, 1e38, 0.0, 60.0]),
    "targets": np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 1.0]),
}
SURE = {"logits": np.array([np.inf, -np.inf, 0.0]), "targets": np.array([1.0, 0.0, 1.0])}


def _ohem_oracle(logits, labels, keep_fraction=0.25):
    each = np.sort(cross_entropy(logits, labels), -1)[..., ::-1]
    return each[..., : int(np.ceil(keep_fraction * each.shape[-1]))].mean(-1)


CASES = [
    Case(
        fn=jaxloss.sigmoid_focal_loss,
        boolean=True,
        draw=_binary,
        oracle=_sigmoid_oracle,
        source="scipy.special.log_expit and expit",
        hypers={"alpha": 0.25, "gamma": 0.5},
        bad_hypers=({"alpha": -0.1}, {"alpha": 1.5}, {"gamma": -1.0}),
        perfect=certain_binary,
        extremes={"saturated": SATURATED, "infinite": SURE},
        illegal={"targets": (-1.0, 1.5)},
        ends=({"alpha": 0.0, "gamma": 0.5}, {"alpha": 1.0, "gamma": 0.5}, {"alpha": 0.25, "gamma": 0.0}),
    ),
    Case(
        fn=jaxloss.softmax_focal_loss,
        draw=draws.scores_and_labels(),
        oracle=_softmax_oracle,
        source="scipy.special.log_softmax",
        hypers={"alpha": FACTORS, "gamma": 0.5},
        bad_hypers=({"alpha": np.ones(4)}, {"gamma": -1.0}),
        perfect=certain_labels,
        labels="labels",
        extremes={"saturated and absent": {"logits": EDGES, "labels": np.array([1, 1, 1], np.int32)}},
        tolerance=1e-11,
        ends=({"alpha": FACTORS, "gamma": 0.0},),
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.ohem_cross_entropy,
        draw=draws.scores_and_labels(),
        oracle=_ohem_oracle,
        source="scipy.special.log_softmax and numpy.sort",
        hypers={"keep_fraction": 0.6},
        fixed={"keep_fraction": "it counts entries, in jumps"},
        bad_hypers=({"keep_fraction": 0.0}, {"keep_fraction": 1.5}),
        pooled=True,
        extremes={"saturated and absent": {"logits": EDGES, "labels": LABELS}},
        exempt={"weight_is_repetition": "the kept share is a count of entries, rounded up, whatever their weights"},
        ends=({"keep_fraction": 1.0},),
        structures={"two classes": draws.scores_and_labels(2)},
        translates=(("logits",),),
    ),
]
