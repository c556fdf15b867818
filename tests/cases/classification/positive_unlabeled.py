"""Cases of `jaxloss.classification.positive_unlabeled`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case


def _flagged(rng, batch):
    """One flag in two, and scores that do not yet overfit."""
    flags = np.broadcast_to(np.arange(batch[-1]) % 2 == 0, batch)
    return {"logits": rng.normal(size=batch), "positives": flags.copy()}


def _few_positives(rng, batch):
    """One positive among all entries."""
    flags = np.broadcast_to(np.arange(batch[-1]) == 1, batch)
    return {"logits": rng.normal(size=batch), "positives": flags.copy()}


def _overfitted(rng, batch):
    """Labelled positives that are accepted, and unlabelled entries that are not."""
    flags = _flagged(rng, batch)["positives"]
    return {"logits": np.where(flags, 3.0, -3.0) + rng.normal(size=batch), "positives": flags}


def _accepted(inputs):
    return np.where(inputs["positives"], 1.0, -1.0)


def _parts(logits, positives, prior):
    mean = lambda x, members: np.sum(x * members, -1) / np.sum(members, -1)
    loss = lambda z: 1 - scipy.special.expit(z)
    return (
        prior * mean(loss(logits), positives),
        mean(loss(-logits), ~positives) - prior * mean(loss(-logits), positives),
    )


def _nonnegative(logits, positives, prior, beta=0.0, gamma=1.0):
    positive, negative = _parts(logits, positives, prior)
    return np.where(negative >= -beta, positive + negative, positive - beta)


def _nonnegative_slopes(logits, positives, prior, beta=0.0, gamma=1.0):
    """Of the positive and the negative part; where that is below ``-beta``, ``-gamma`` times the negative one alone."""
    rise = scipy.special.expit(logits) * scipy.special.expit(-logits)
    share = positives / positives.sum(-1, keepdims=True)
    by_negative = rise * (~positives / np.sum(~positives, -1, keepdims=True) - prior * share)
    overfitted = (_parts(logits, positives, prior)[1] < -beta)[..., None]
    return {"logits": np.where(overfitted, -gamma * by_negative, by_negative - prior * share * rise)}


FLAGS = {"logits": np.array([1e4, -1e4, 0.0, 1e30]), "positives": np.array([True, False, True, False])}
SURE = {**FLAGS, "logits": np.array([np.inf, -np.inf, 0.0, np.inf])}

CASES = [
    Case(
        fn=jaxloss.unbiased_pu_loss,
        draw=_flagged,
        oracle=lambda logits, positives, prior: sum(_parts(logits, positives, prior)),
        source="formula of the paper",
        hypers={"prior": 0.3},
        bad_hypers=({"prior": 0.0}, {"prior": 1.0}),
        pooled=True,
        towards=_accepted,
        bound=-0.3,
        cancels="the estimate is a difference of two risks",
        extremes={"saturated": FLAGS, "infinite": SURE, "no positive": {**FLAGS, "positives": np.zeros(4, bool)}},
        structures={"few positives": _few_positives},
    ),
    Case(
        fn=jaxloss.nonnegative_pu_loss,
        draw=_flagged,
        oracle=_nonnegative,
        source="algorithm of the paper",
        hypers={"prior": 0.3, "beta": 0.02, "gamma": 0.6},
        bad_hypers=({"prior": 0.0}, {"prior": 1.0}, {"beta": -0.1}, {"gamma": -1.0}),
        pooled=True,
        towards=_accepted,
        bound=-0.02,
        cancels="the negative part is a difference of two risks",
        extremes={"saturated": FLAGS, "infinite": SURE, "no unlabelled": {**FLAGS, "positives": np.ones(4, bool)}},
        ends=({"prior": 0.3, "beta": 0.0, "gamma": 0.6}, {"prior": 0.3, "beta": 0.02, "gamma": 0.0}),
        slopes=_nonnegative_slopes,
        structures={"overfitted": _overfitted},
    ),
]
