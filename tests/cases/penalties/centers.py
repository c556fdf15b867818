"""Cases of the centre loss."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import leading_first

HELPERS = {"init_center_loss": "makes the first state of center_loss"}

CENTERS = np.random.default_rng(0).integers(-8, 9, size=(4, 3)) / 8
"""Exact in every precision."""


def _embeddings(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = rng.integers(0, 4, size=batch).astype(np.int32)
    return {"embeddings": 2 * rng.normal(size=(*batch, 3)), "labels": labels}


def _at_the_centers(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = _embeddings(rng, batch)["labels"]
    return {"embeddings": CENTERS[labels], "labels": labels}


CASES = [
    Case(
        fn=leading_first(jaxloss.center_loss, "state"),
        draw=_embeddings,
        oracle=lambda embeddings, labels, rate=0.5: 0.5 * np.linalg.norm(embeddings - CENTERS[labels], axis=-1) ** 2,
        source="Wen et al. (2016), by numpy.linalg.norm",
        leading=(jaxloss.CenterState(CENTERS),),
        carries=True,
        hypers={"rate": 0.25},
        ends=({"rate": 0.0}, {"rate": 1.0}),
        bad_hypers=({"rate": -0.5}, {"rate": 1.5}),
        perfect=_at_the_centers,
        convex=True,
        labels="labels",
        classes=lambda _: len(CENTERS),
        extremes={
            "far": {"embeddings": np.array([[1e18, 0.0, -1e18]]), "labels": np.array([3], np.int32)},
        },
    ),
]
