"""Cases of `jaxloss.representation.class_prototypes.few_shot`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, D

SUPPORT_LABELS = np.array([0, 1, 2, 0, 1, 2, 2], np.int32)
SUPPORT_WEIGHTS = np.array([1.0, 0.5, 2.0, 0.75, 1.5, 0.0, 1.0])
"""Exact in every precision; one example is absent."""


def _episode(size=D):
    def draw(rng, batch):
        return {
            "queries": rng.normal(size=(*batch, size)),
            "labels": rng.integers(0, 3, size=batch).astype(np.int32),
            "support": np.random.default_rng(7).normal(size=(len(SUPPORT_LABELS), size)),
            "support_labels": SUPPORT_LABELS,
        }

    return draw


def _prototypical(queries, labels, support, support_labels, num_classes=3, support_weights=None):
    """Class by class, of squared distances."""
    mass = np.ones(len(support)) if support_weights is None else support_weights
    means = {
        k: sum(w * s for w, s, y in zip(mass, support, support_labels, strict=True) if y == k)
        / sum(w for w, y in zip(mass, support_labels, strict=True) if y == k)
        for k in range(num_classes)
        if any(w > 0 and y == k for w, y in zip(mass, support_labels, strict=True))
    }
    far = {k: np.sum((queries - mean) ** 2, axis=-1) for k, mean in means.items()}
    total = scipy.special.logsumexp([-d for d in far.values()], axis=0)
    return np.sum([np.where(labels == k, d, 0) for k, d in far.items()], axis=0) + total


def _edge(queries, support, labels=(0, 1)):
    return {
        "queries": queries,
        "labels": np.array(labels),
        "support": support,
        "support_labels": np.arange(len(support)) % 3,
    }


CASES = [
    Case(
        fn=jaxloss.prototypical_loss,
        draw=_episode(),
        structures={"one feature": _episode(1)},
        oracle=_prototypical,
        source="Snell et al. (2017), class by class, in squared distances",
        hypers={"num_classes": 3, "support_weights": SUPPORT_WEIGHTS},
        static=("num_classes",),
        fixed={"support_weights": "shares of the means, one of which is 0"},
        bad_hypers=({"num_classes": 0}, {"num_classes": 2.5}),
        shared=("support", "support_labels"),
        labels="labels",
        classes=lambda inputs: 3,
        ulps=4 * ROUNDED,  # products of vectors of length 3, whose squares are the exponents
        translates=(("queries", "support"),),
        extremes={
            "equal": _edge(np.ones((2, 2)), np.ones((7, 2))),
            "at the means": _edge(np.eye(2), np.concatenate([np.eye(2), -np.eye(2), np.eye(2)])[[0, 1, 2, 0, 1, 2, 2]]),
            "zeros": _edge(np.zeros((2, 2)), np.zeros((7, 2))),
            "far": _edge(1e15 * np.eye(2), -1e15 * np.ones((7, 2)) * np.arange(7)[:, None]),
        },
    ),
]
