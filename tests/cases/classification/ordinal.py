"""Cases of `jaxloss.classification.ordinal`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.classification._shared import LARGE, certain_labels


def _thresholds(rng, batch):
    """Four questions about five classes."""
    return {"logits": 2 * rng.normal(size=(*batch, 4)), "labels": rng.integers(0, 5, batch).astype(np.int32)}


def _one_question(rng, batch):
    return {"logits": 2 * rng.normal(size=(*batch, 1)), "labels": rng.integers(0, 2, batch).astype(np.int32)}


def _coral(logits, labels):
    greater = labels[..., None] > np.arange(logits.shape[-1])
    return -np.where(greater, scipy.special.log_expit(logits), scipy.special.log_expit(-logits)).sum(-1)


def _corn(logits, labels):
    """The negative log-likelihood of the class, from the chain of conditional probabilities."""
    beyond = np.cumsum(scipy.special.log_expit(logits), -1)
    reached = np.concatenate([np.zeros_like(beyond[..., :1]), beyond], -1)
    stop = np.concatenate([scipy.special.log_expit(-logits), np.zeros_like(beyond[..., :1])], -1)
    return -np.take_along_axis(reached + stop, labels[..., None], -1)[..., 0]


def _ranked_probability_score(logits, labels):
    steps = np.cumsum(scipy.special.softmax(logits, -1) - np.eye(logits.shape[-1])[labels], -1)
    return np.square(steps).sum(-1)


def _passed(inputs):
    """Every question below the label is answered with yes."""
    return np.where(inputs["labels"][..., None] > np.arange(inputs["logits"].shape[-1]), 1.0, -1.0)


def _one_more(inputs):
    return inputs["logits"].shape[-1] + 1


SURE = {"logits": np.array([[np.inf, np.inf, -np.inf, -np.inf]]), "labels": np.array([2], np.int32)}

CASES = [
    Case(
        fn=jaxloss.coral_ordinal_loss,
        draw=_thresholds,
        oracle=_coral,
        source="scipy.special.log_expit",
        convex=True,
        extremes={"large": LARGE, "infinite": SURE},
        labels="labels",
        classes=_one_more,
        towards=_passed,
        structures={"one question": _one_question},
    ),
    Case(
        fn=jaxloss.corn_ordinal_loss,
        draw=_thresholds,
        oracle=_corn,
        source="chain rule of conditional probabilities with scipy.special.log_expit",
        convex=True,
        extremes={"large": LARGE, "infinite": SURE},
        labels="labels",
        classes=_one_more,
        towards=_passed,
        structures={"one question": _one_question},
    ),
    Case(
        fn=jaxloss.squared_emd_ordinal_loss,
        draw=draws.scores_and_labels(),
        oracle=_ranked_probability_score,
        source="ranked probability score of scipy.special.softmax",
        perfect=certain_labels,
        extremes={
            "large": LARGE,
            "absent class": {"logits": np.array([[1.0, -np.inf, 0.0]]), "labels": np.array([2], np.int32)},
        },
        labels="labels",
        structures={"two classes": draws.scores_and_labels(2), "one class": draws.scores_and_labels(1)},
        translates=(("logits",),),
    ),
]
