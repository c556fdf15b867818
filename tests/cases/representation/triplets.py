"""Cases of `jaxloss.representation.metric_learning.triplets`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import EUCLIDEAN, GAPS, D, by_row, vectors

MINKOWSKI = by_row(scipy.spatial.distance.minkowski)


def _triplet(anchors, positives, negatives, margin=1.0, norm_degree=2.0, swap=False):
    far = MINKOWSKI(anchors, negatives, p=norm_degree)
    if swap:
        far = np.minimum(far, MINKOWSKI(positives, negatives, p=norm_degree))
    return np.maximum(0, margin + MINKOWSKI(anchors, positives, p=norm_degree) - far)


def _far_negative(rng, batch):
    values = rng.normal(size=(*batch, D))
    return {"anchors": values, "positives": values.copy(), "negatives": values + 9}


CASES = [
    Case(
        fn=jaxloss.triplet_margin_loss,
        draw=vectors("anchors", "positives", "negatives"),
        oracle=_triplet,
        source="formula, with scipy.spatial.distance.minkowski",
        hypers={"margin": 2.5, "norm_degree": 3.5, "swap": True},
        ends=({"margin": 2.5, "norm_degree": 1.0, "swap": True},),
        structures={"one feature": vectors("anchors", "positives", "negatives", size=1)},
        static=("swap",),
        bad_hypers=({"margin": 0.0}, {"norm_degree": 0.5}, {"norm_degree": np.inf}),
        perfect=_far_negative,
        cancels=GAPS,
        extremes={
            "large": {
                n: x * np.full((2, 2), 1e30) for n, x in {"anchors": 1, "positives": -1, "negatives": 0.5}.items()
            },
            "equal": {n: np.ones((2, 2)) for n in ("anchors", "positives", "negatives")},
        },
        translates=(("anchors", "positives", "negatives"),),
    ),
    Case(
        fn=jaxloss.soft_margin_triplet_loss,
        draw=vectors("anchors", "positives", "negatives"),
        oracle=lambda anchors, positives, negatives: np.logaddexp(
            0, EUCLIDEAN(anchors, positives) - EUCLIDEAN(anchors, negatives)
        ),
        source="formula, with scipy.spatial.distance.euclidean",
        structures={"one feature": vectors("anchors", "positives", "negatives", size=1)},
        ulps=8,  # an exponential of a difference of distances of up to 8
        extremes={
            "large": {
                n: x * np.full((2, 2), 1e30) for n, x in {"anchors": 1, "positives": -1, "negatives": 0.5}.items()
            },
            "equal": {n: np.ones((2, 2)) for n in ("anchors", "positives", "negatives")},
        },
        translates=(("anchors", "positives", "negatives"),),
    ),
]
