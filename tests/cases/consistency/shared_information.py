"""Cases of what predictions say of their inputs."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _logits(classes: int) -> Draw:
    return lambda rng, batch: {"logits": 2 * rng.normal(size=(*batch, classes))}


def _equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    one = 2 * rng.normal(size=(*batch[:-1], 1, 5))
    return {"logits": np.broadcast_to(one, (*batch, 5)).copy()}


def _divergence(logits):
    """The entropy of the mean minus the mean entropy."""
    probs = scipy.special.softmax(logits, axis=-1)
    return scipy.stats.entropy(probs.mean(-2), axis=-1) - scipy.stats.entropy(probs, axis=-1).mean(-1)


def _information_maximization(logits, diversity_weight=1.0):
    probs = scipy.special.softmax(logits, axis=-1)
    certainty, diversity = scipy.stats.entropy(probs, axis=-1).mean(-1), scipy.stats.entropy(probs.mean(-2), axis=-1)
    return certainty - diversity_weight * diversity


EXTREMES: dict[str, Inputs] = {
    "certain and different": {"logits": 1e4 * np.eye(3)},
    "certain and equal": {"logits": np.tile(np.array([1e4, 0.0, -1e4]), (3, 1))},
    "absent": {"logits": np.array([[-np.inf, 0.0, 1.0], [-np.inf, 2.0, 0.0]])},
    "absent from one": {"logits": np.array([[-np.inf, 0.0, 1.0], [3.0, 2.0, 0.0], [3.0, 2.0, -np.inf]])},
    "far": {"logits": np.array([[0.0, -200.0], [-200.0, 0.0]])},
    "large": {"logits": np.array([[1e30, -1e30], [0.0, 0.0]])},
    "rare": {"logits": np.concatenate([np.zeros((1, 2)), np.tile(np.array([0.0, -60.0]), (999, 1))])},
    "alone": {"logits": np.array([[1.0, 2.0]])},
}

CASES = [
    Case(
        fn=jaxloss.jensen_shannon_divergence_of_views,
        draw=_logits(5),
        structures={"one class": _logits(1), "two classes": _logits(2)},
        oracle=_divergence,
        source="scipy.stats.entropy of the mean, minus the mean of those of the views",
        pooled=True,
        perfect=_equal,
        extremes=EXTREMES,
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.information_maximization_loss,
        draw=_logits(5),
        structures={"one class": _logits(1), "two classes": _logits(2)},
        oracle=_information_maximization,
        source="scipy.stats.entropy of the examples and of their mean",
        hypers={"diversity_weight": 0.5},
        ends=({"diversity_weight": 0.0},),
        bad_hypers=({"diversity_weight": -1.0},),
        pooled=True,
        bound=-float(np.log(5)) - 1e-6,
        cancels="the mean entropy minus that of the mean",
        extremes=EXTREMES,
        translates=(("logits",),),
    ),
]
