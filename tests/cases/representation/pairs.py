"""Cases of `jaxloss.representation.metric_learning.pairs`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import COSINE, EUCLIDEAN, GAPS, D, vectors

SIDES = "which side of the loss a pair takes"


def _equal(*names):
    def draw(rng, batch):
        values = rng.normal(size=(*batch, D))
        return {name: values.copy() for name in names}

    return draw


def _flags(rng, batch, other):
    return np.where(rng.uniform(size=batch) < 0.5, 1.0, float(other))


def _pairs(other, size=D):
    return lambda rng, batch: {
        **vectors("anchors", "others", size=size)(rng, batch),
        "targets": _flags(rng, batch, other),
    }


def _similar(rng, batch):
    return {**_equal("anchors", "others")(rng, batch), "targets": np.ones(batch)}


def _contrastive(anchors, others, targets, margin=1.0):
    d = EUCLIDEAN(anchors, others)
    return targets * d**2 + (1 - targets) * np.maximum(0, margin - d) ** 2


def _cosine_embedding(anchors, others, targets, margin=0.0):
    d = COSINE(anchors, others)
    return np.where(targets == 1, d, np.maximum(0, 1 - d - margin))


def _hinge_embedding(distances, targets, margin=1.0):
    return np.where(targets == 1, distances, np.maximum(0, margin - distances))


CASES = [
    Case(
        fn=jaxloss.contrastive_loss,
        draw=_pairs(0),
        oracle=_contrastive,
        source="formula, with scipy.spatial.distance.euclidean",
        hypers={"margin": 1.7},
        fixed={"targets": SIDES},
        constant={"targets": SIDES},
        illegal={"targets": (-1.0, 0.5)},
        structures={"one feature": _pairs(0, 1)},
        bad_hypers=({"margin": 0.0},),
        perfect=_similar,
        cancels=GAPS,
        extremes={
            "large": {
                "anchors": np.full((2, 2), 1e18),
                "others": np.full((2, 2), -1e18),
                "targets": np.array([0.0, 1]),
            },
            "equal": {"anchors": np.ones((2, 2)), "others": np.ones((2, 2)), "targets": np.array([0.0, 1])},
        },
        translates=(("anchors", "others"),),
    ),
    Case(
        fn=jaxloss.cosine_embedding_loss,
        draw=_pairs(-1),
        oracle=_cosine_embedding,
        source="formula, with scipy.spatial.distance.cosine",
        hypers={"margin": -0.3},
        fixed={"targets": SIDES},
        constant={"targets": SIDES},
        illegal={"targets": (0.0, 0.5)},
        ends=({"margin": -1.0}, {"margin": 1.0}),
        structures={"two features": _pairs(-1, 2)},
        bad_hypers=({"margin": 1.5}, {"margin": -2.0}),
        perfect=_similar,
        cancels=GAPS,
        extremes={
            "large": {
                "anchors": np.full((2, 2), 1e30),
                "others": np.full((2, 2), -1e30),
                "targets": np.array([-1.0, 1]),
            },
            "zero": {"anchors": np.zeros((2, 2)), "others": np.ones((2, 2)), "targets": np.array([-1.0, 1])},
        },
    ),
    Case(
        fn=jaxloss.hinge_embedding_loss,
        draw=lambda rng, batch: {"distances": rng.gamma(2.0, 0.5, size=batch), "targets": _flags(rng, batch, -1)},
        oracle=_hinge_embedding,
        source="formula",
        hypers={"margin": 1.7},
        fixed={"targets": SIDES},
        constant={"targets": SIDES},
        illegal={"targets": (0.0, 0.5)},
        bad_hypers=({"margin": 0.0},),
        convex=True,
        cancels=GAPS,
        extremes={"large": {"distances": np.array([1e30, 0.0]), "targets": np.array([1.0, -1.0])}},
    ),
]
