"""Cases of `jaxloss.vision.boundaries.distance_weighted`."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.vision._distances import KEPT_PLACES
from tests.cases.vision._masks import OUTSIDE, PROB_EDGES, equal_masks, prob_masks


def _with_distances(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"probs": rng.uniform(0.02, 0.98, batch), "signed_distances": 3 * rng.normal(size=batch)}


def distance_from_edge(mask, spacing):
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    inside, outside = (scipy.ndimage.distance_transform_edt(side, sampling=spacing) for side in (mask, ~mask))
    return inside + outside


def hausdorff(probs, targets, pixel_ndim, alpha=2.0, spacing=1.0):
    values = np.zeros(probs.shape[: probs.ndim - pixel_ndim])
    for i in np.ndindex(values.shape):
        far = [distance_from_edge(mask[i] > 0.5, spacing) ** alpha for mask in (probs, targets)]
        values[i] = np.mean((probs[i] - targets[i]) ** 2 * sum(far))
    return values


CASES = [
    Case(
        fn=jaxloss.boundary_loss,
        draw=_with_distances,
        oracle=lambda probs, signed_distances: probs * signed_distances,
        source="formula of the paper",
        bound=None,
        convex=True,
        illegal={"probs": OUTSIDE},
        extremes={
            "bits": {"probs": np.array([0.0, 1.0, 0.0, 1.0]), "signed_distances": np.array([0.0, 0.0, -5.0, 3.0])},
            "far": {"probs": np.array([0.0, 1.0, 0.5]), "signed_distances": np.array([1e30, -1e30, 1e30])},
        },
    ),
    Case(
        fn=jaxloss.hausdorff_distance_transform_loss,
        boolean=True,
        draw=prob_masks,
        oracle=hausdorff,
        source="scipy.ndimage.distance_transform_edt",
        hypers={"pixel_ndim": 1, "alpha": 1.3, "spacing": 0.7},
        static=("pixel_ndim",),
        bad_hypers=({"pixel_ndim": 0}, {"pixel_ndim": 2}, {"alpha": 0.0}, {"spacing": 0.0}),
        pooled=True,
        perfect=equal_masks,
        extremes={**PROB_EDGES, "undecided": {"probs": np.full(3, 0.5), "targets": np.array([0.5, 0.5, 1.0])}},
        illegal={"probs": OUTSIDE, "targets": OUTSIDE},
        constant={"spacing": "distances are constants of differentiation"},
        exempt=KEPT_PLACES,
    ),
]
