"""Cases of `jaxloss.probabilistic.forecasts.scores`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases._packages import sklearn_metric
from tests.cases.probabilistic._shared import ensemble, hit

CLASSES = 4


def _energy_of_vectors(members, targets, chunk_size=None):
    score = [
        scipy.spatial.distance.cdist(members[i], targets[i][None]).mean()
        - scipy.spatial.distance.cdist(members[i], members[i]).mean() / 2
        for i in np.ndindex(targets.shape[:-1])
    ]
    return np.reshape(score, targets.shape[:-1])


def _probs(rng, batch):
    return {"probs": rng.uniform(0, 0.99, size=batch), "targets": rng.integers(0, 2, size=batch).astype(float)}


def _sure(rng, batch):
    """A probability that is met, inside the domain so that the laws may move it."""
    targets = rng.uniform(0.1, 0.9, size=batch)
    return {"probs": targets, "targets": targets.copy()}


def _class_probs(rng, batch, classes=CLASSES):
    return {
        "probs": draws.simplex(rng, batch, classes),
        "labels": rng.integers(0, classes, size=batch).astype(np.int32),
    }


def _sure_class(rng, batch):
    labels = rng.integers(0, CLASSES, size=batch).astype(np.int32)
    return {"probs": np.eye(CLASSES)[labels], "labels": labels}


CERTAIN = {"probs": np.eye(CLASSES)[[0, 1]], "labels": np.array([0, 3], np.int32)}


def _interval(rng, batch):
    lower = rng.normal(size=batch) - 1
    return {"lower": lower, "upper": lower + rng.gamma(2.0, size=batch), "targets": 2 * rng.normal(size=batch)}


def _interval_hit(rng, batch):
    values = rng.normal(size=batch)
    return {"lower": values, "upper": values.copy(), "targets": values.copy()}


def _interval_score(lower, upper, targets, alpha=0.1):
    return upper - lower + 2 / alpha * (np.maximum(lower - targets, 0) + np.maximum(targets - upper, 0))


CASES = [
    Case(
        fn=jaxloss.brier_score,
        boolean=True,
        draw=_probs,
        oracle=lambda probs, targets: np.vectorize(
            lambda p, t: sklearn_metric("brier_score_loss")([t], [p], labels=[0, 1]), otypes=[float]
        )(probs, targets),
        source="sklearn.metrics.brier_score_loss",
        fixed={"targets": "outcomes are 0 and 1, the ends of the domain"},
        perfect=_sure,
        convex=True,
        extremes={"certain": {"probs": np.array([0.0, 1.0, 1.0]), "targets": np.array([1, 0, 1], np.int32)}},
        illegal={"probs": (-0.1, 1.5), "targets": (-0.1, 1.5)},
    ),
    Case(
        fn=jaxloss.multiclass_brier_score,
        mistakes={"sum to 1": draws.half_of("probs")},
        draw=_class_probs,
        oracle=lambda probs, labels: np.reshape(
            [
                sklearn_metric("brier_score_loss")([y], [p], labels=range(CLASSES), scale_by_half=False)
                for p, y in zip(probs.reshape(-1, CLASSES), labels.ravel(), strict=True)
            ],
            labels.shape,
        ),
        source="sklearn.metrics.brier_score_loss(scale_by_half=False)",
        perfect=_sure_class,
        convex=True,
        labels="labels",
        extremes={"certain": CERTAIN},
        illegal={"probs": (-0.1, 1.5)},
    ),
    Case(
        fn=jaxloss.ranked_probability_score,
        mistakes={"sum to 1": draws.half_of("probs")},
        draw=_class_probs,
        oracle=lambda probs, labels: np.sum(
            (np.cumsum(probs, -1) - (np.arange(probs.shape[-1]) >= labels[..., None])) ** 2, axis=-1
        ),
        source="Epstein (1969), cumulative",
        perfect=_sure_class,
        convex=True,
        labels="labels",
        extremes={"certain": CERTAIN},
        illegal={"probs": (-0.1, 1.5)},
        structures={"two classes": lambda rng, batch: _class_probs(rng, batch, 2)},
    ),
    Case(
        fn=jaxloss.interval_score,
        draw=_interval,
        oracle=_interval_score,
        source="Winkler (1972), formula",
        hypers={"alpha": 0.5},
        bad_hypers=({"alpha": 0.0}, {"alpha": 1.0}),
        perfect=_interval_hit,
        convex=True,
        extremes={"crossed": {"lower": np.array([1e30]), "upper": np.array([-1e30]), "targets": np.array([0.0])}},
        translates=(("lower", "upper", "targets"),),
    ),
    Case(
        fn=jaxloss.energy_score,
        draw=ensemble(4, 3),
        oracle=_energy_of_vectors,
        source="scipy.spatial.distance over all pairs",
        hypers={"chunk_size": 3},
        static=("chunk_size",),
        bad_hypers=({"chunk_size": 0},),
        perfect=hit(4, 3),
        extremes={
            "coincident": {
                "members": np.array([[[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]]]),
                "targets": np.array([[0.0, 0.0]]),
            },
            "large": {"members": np.array([[[1e30, 0.0], [0.0, -1e30]]]), "targets": np.array([[0.0, 0.0]])},
        },
        structures={"one member": ensemble(1, 3), "one dimension": ensemble(4, 1), "square": ensemble(3, 3)},
        translates=(("members", "targets"),),
    ),
]
