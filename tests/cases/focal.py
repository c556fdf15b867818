"""Cases of the focal, polynomial and multi-label losses."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

FACTORS = np.array([0.5, 2.0, 1.0, 0.25, 1.5])


def _binary(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 3 * rng.normal(size=batch), "targets": rng.uniform(size=batch)}


def _multilabel(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5)), "targets": rng.uniform(size=(*batch, 5))}


def _distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5)), "targets": draws.simplex(rng, batch, 5)}


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.integers(0, 2, size=batch).astype(np.float64)
    return {"logits": 1000 * (2 * targets - 1), "targets": targets}


def _certain_labels(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = rng.integers(0, 5, size=batch).astype(np.int32)
    return {"logits": 1000 * np.eye(5)[labels], "labels": labels}


def _certain_distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = np.eye(5)[rng.integers(0, 5, size=batch)]
    return {"logits": 1000 * targets, "targets": targets}


def _certain_multilabel(rng: np.random.Generator, batch: Shape) -> Inputs:
    return _certain(rng, (*batch, 5))


def _sigmoid_oracle(logits, targets, alpha=None, gamma=2.0):
    ce = -targets * scipy.special.log_expit(logits) - (1 - targets) * scipy.special.log_expit(-logits)
    p = scipy.special.expit(logits)
    balance = 1.0 if alpha is None else alpha * targets + (1 - alpha) * (1 - targets)
    return balance * (targets * (1 - p) + (1 - targets) * p) ** gamma * ce


def _softmax_oracle(logits, labels, alpha=None, gamma=2.0):
    one_hot = np.eye(logits.shape[-1])[labels]
    log_p = np.sum(one_hot * scipy.special.log_softmax(logits, -1), -1)
    return -(1.0 if alpha is None else one_hot @ alpha) * (1 - np.exp(log_p)) ** gamma * log_p


def _poly_oracle(logits, targets, epsilon=2.0):
    log_p = scipy.special.log_softmax(logits, -1)
    return np.sum(-targets * log_p + epsilon * targets * (1 - np.exp(log_p)), -1)


def _asymmetric_oracle(logits, targets, gamma_positive=1.0, gamma_negative=4.0, clip=0.05):
    p = scipy.special.expit(logits)
    shifted = np.maximum(p - clip, 0)
    positive = targets * (1 - p) ** gamma_positive * np.log(p)
    return -np.sum(positive + (1 - targets) * shifted**gamma_negative * np.log(1 - shifted), -1)


def _soft_margin_oracle(logits, targets, class_weights=None):
    c = np.ones(logits.shape[-1]) if class_weights is None else class_weights
    terms = targets * scipy.special.log_expit(logits) + (1 - targets) * scipy.special.log_expit(-logits)
    return -(c * terms).mean(-1)


SATURATED = {
    "logits": np.array([1e4, -1e4, 1e4, -1e4, 1e38, 0.0, 60.0]),
    "targets": np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 1.0]),
}
EDGES = np.array([[-np.inf, 0.0, 1.0, -np.inf, 2.0], [1e4, -1e4, 0.0, 0.0, 1.0], [-1e4, 1e4, 1e4, 0.0, 0.0]])
WIDE = {
    "logits": np.array([[1e4, -1e4, 0.0, 88.0, -88.0]] * 2),
    "targets": np.array([[0.0, 1.0, 0.5, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0, 0.0]]),
}

CASES = [
    Case(
        fn=jaxloss.sigmoid_focal_loss,
        draw=_binary,
        oracle=_sigmoid_oracle,
        source="scipy.special.log_expit and expit",
        hypers={"alpha": 0.25, "gamma": 0.5},
        bad_hypers=({"alpha": -0.1}, {"alpha": 1.5}, {"gamma": -1.0}),
        perfect=_certain,
        extremes={"saturated": SATURATED},
    ),
    Case(
        fn=jaxloss.softmax_focal_loss,
        draw=draws.scores_and_labels(),
        oracle=_softmax_oracle,
        source="scipy.special.log_softmax",
        hypers={"alpha": FACTORS, "gamma": 0.5},
        bad_hypers=({"alpha": np.ones(4)}, {"gamma": -1.0}),
        perfect=_certain_labels,
        labels="labels",
        extremes={"saturated and absent": {"logits": EDGES, "labels": np.array([1, 1, 1], np.int32)}},
        tolerance=1e-11,
    ),
    Case(
        fn=jaxloss.poly_loss_cross_entropy,
        draw=_distributions,
        oracle=_poly_oracle,
        source="scipy.special.log_softmax",
        hypers={"epsilon": -0.75},
        bad_hypers=({"epsilon": -1.5},),
        perfect=_certain_distributions,
        extremes={"saturated and absent": {"logits": EDGES, "targets": np.eye(5)[[1, 1, 0]]}},
    ),
    Case(
        fn=jaxloss.asymmetric_multilabel_loss,
        draw=_multilabel,
        oracle=_asymmetric_oracle,
        source="formula of the paper",
        hypers={"gamma_positive": 0.5, "gamma_negative": 2.5, "clip": 0.1},
        bad_hypers=({"gamma_positive": -1.0}, {"gamma_negative": -0.5}, {"clip": 1.0}, {"clip": -0.1}),
        perfect=_certain_multilabel,
        extremes={"saturated": WIDE},
    ),
    Case(
        fn=jaxloss.multilabel_soft_margin_loss,
        draw=_multilabel,
        oracle=_soft_margin_oracle,
        source="scipy.special.log_expit",
        hypers={"class_weights": FACTORS},
        bad_hypers=({"class_weights": np.ones(3)},),
        convex=True,
        perfect=_certain_multilabel,
        extremes={"saturated": WIDE},
    ),
]
