"""Cases of `jaxloss.vision.detection.dense`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case

BINS = 5
OUTSIDE = {"targets": (-0.1, 1.5)}
CERTAIN = {"logits": np.array([1e4, -1e4, 0.0, 1e30]), "targets": np.array([0.0, 1.0, 0.5, 1.0])}
SURE = {"logits": np.array([np.inf, -np.inf, 0.0]), "targets": np.array([1.0, 0.0, 1.0])}


def _qualities(rng, batch):
    return {"logits": 2 * rng.normal(size=batch), "targets": rng.uniform(0.02, 0.98, size=batch)}


def _background_and_qualities(rng, batch):
    inputs = _qualities(rng, batch)
    return {**inputs, "targets": np.where(rng.uniform(size=batch) < 0.5, 0.0, inputs["targets"])}


def _peaks(rng, batch):
    inputs = _qualities(rng, batch)
    return {**inputs, "targets": np.where(rng.uniform(size=batch) < 0.5, 1.0, inputs["targets"])}


def _certain(rng, batch):
    bits = rng.integers(0, 2, size=batch)
    return {"logits": 1e4 * (2.0 * bits - 1), "targets": bits.astype(float)}


def _distances(bins):
    return lambda rng, batch: {
        "logits": 2 * rng.normal(size=(*batch, bins)),
        "targets": rng.uniform(0.01, bins - 1.01, size=batch),
    }


def _sure_bins(rng, batch):
    bins = rng.integers(0, BINS, size=batch)
    return {"logits": 1e4 * np.eye(BINS)[bins], "targets": bins.astype(float)}


def _entropy(logits, targets):
    return -targets * scipy.special.log_expit(logits) - (1 - targets) * scipy.special.log_expit(-logits)


def _quality(logits, targets, beta=2.0):
    return np.abs(targets - scipy.special.expit(logits)) ** beta * _entropy(logits, targets)


def _varifocal(logits, targets, alpha=0.75, gamma=2.0):
    return np.where(targets > 0, targets, alpha * scipy.special.expit(logits) ** gamma) * _entropy(logits, targets)


def _gaussian(logits, targets, alpha=2.0, gamma=4.0):
    p = scipy.special.expit(logits)
    peak = -((1 - p) ** alpha) * np.log(p)
    return np.where(targets == 1, peak, -((1 - targets) ** gamma) * p**alpha * np.log(1 - p))


def _two_bins(logits, targets):
    log_probs = scipy.special.log_softmax(logits, axis=-1)
    nearness = np.maximum(0, 1 - np.abs(targets[..., None] - np.arange(logits.shape[-1])))
    return -np.sum(nearness * log_probs, axis=-1)


CASES = [
    Case(
        fn=jaxloss.quality_focal_loss,
        draw=_qualities,
        oracle=_quality,
        source="formula of the paper",
        hypers={"beta": 1.5},
        ends=({"beta": 0.0},),
        illegal=OUTSIDE,
        bad_hypers=({"beta": -0.1},),
        perfect=_certain,
        cancels="a score near its target is a difference of the two",
        extremes={"certain": CERTAIN, "infinite": SURE},
    ),
    Case(
        fn=jaxloss.varifocal_loss,
        draw=_background_and_qualities,
        oracle=_varifocal,
        source="formula of the paper",
        hypers={"alpha": 0.4, "gamma": 1.5},
        ends=({"alpha": 0.0, "gamma": 1.5}, {"alpha": 0.4, "gamma": 0.0}),
        illegal=OUTSIDE,
        fixed={"targets": "the background is exactly 0, where the loss jumps"},
        bad_hypers=({"alpha": -0.1}, {"gamma": -0.1}),
        perfect=_certain,
        extremes={"certain": CERTAIN, "infinite": SURE},
    ),
    Case(
        fn=jaxloss.gaussian_focal_loss,
        draw=_peaks,
        oracle=_gaussian,
        source="formula of the paper",
        hypers={"alpha": 1.5, "gamma": 2.5},
        ends=({"alpha": 0.0, "gamma": 2.5}, {"alpha": 1.5, "gamma": 0.0}),
        illegal=OUTSIDE,
        fixed={"targets": "a peak is exactly 1, where the loss jumps"},
        bad_hypers=({"alpha": -0.1}, {"gamma": -0.1}),
        perfect=_certain,
        extremes={"certain": CERTAIN, "infinite": SURE},
    ),
    Case(
        fn=jaxloss.distribution_focal_loss,
        draw=_distances(BINS),
        oracle=_two_bins,
        source="formula of the paper, with the nearness to every bin",
        perfect=_sure_bins,
        convex=True,
        illegal={"targets": (-0.1, BINS - 0.9)},
        structures={"two bins": _distances(2)},
        extremes={
            "ends": {"logits": np.zeros((2, BINS)), "targets": np.array([0.0, BINS - 1.0])},
            "saturated": {"logits": np.array([[1e4, -1e4, 0.0, 0.0, 0.0]]), "targets": np.array([1.5])},
            "absent bin": {"logits": np.array([[-np.inf, 1.0, 0.0, -np.inf, 0.0]]), "targets": np.array([1.5])},
        },
        translates=(("logits",),),
    ),
]
