"""Cases of `jaxloss.classification.areas_under_curves.saddle_points`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case

PARAMETERS = {"positive_center": np.array(0.75), "negative_center": np.array(0.125), "multiplier": np.array(0.5)}
"""Exact in every precision."""


def _classified(rng, batch):
    targets = rng.integers(0, 2, size=batch).astype(float)
    return {"scores": rng.normal(size=batch), "targets": targets, **PARAMETERS}


def _aucm(scores, targets, positive_center, negative_center, multiplier, positive_share, margin=1.0):
    """The objective of the paper, which holds for the mean over examples, with indicators."""
    p, one, zero = positive_share, targets == 1, targets == 0
    spread = (1 - p) * (scores - positive_center) ** 2 * one + p * (scores - negative_center) ** 2 * zero
    gap = p * (1 - p) * margin + p * scores * zero - (1 - p) * scores * one
    return spread + 2 * multiplier * gap - p * (1 - p) * multiplier**2


CASES = [
    Case(
        fn=jaxloss.auc_margin_loss,
        boolean=True,
        draw=_classified,
        oracle=_aucm,
        source="Yuan et al. (2021), equation 6, example by example",
        hypers={"positive_share": 0.25, "margin": 0.5},
        shared=tuple(PARAMETERS),
        fixed={"targets": "class labels, 0 or 1"},
        bad_hypers=({"positive_share": 0.0}, {"positive_share": 1.0}, {"positive_share": 0.5, "margin": 0.0}),
        bound=None,
        cancels="it is the difference of squares and scores",
        convex=True,
        extremes={
            "large": {"scores": np.array([1e18, -1e18, 0.0]), "targets": np.array([0.0, 1.0, 1.0]), **PARAMETERS},
            "at the centres": {"scores": np.array([0.75, 0.125]), "targets": np.array([1.0, 0.0]), **PARAMETERS},
        },
        illegal={"targets": (0.5, -1.0)},
    ),
]
