"""Cases of `jaxloss.representation.self_supervised.siamese`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

import jaxloss
from tests.cases import Case
from tests.cases.representation._views import D, named, same_arrays, two_arrays

CONSTANT = "held constant: the gradient is stopped"


def _cosine(x, y):
    flat = zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
    return np.array([1 - scipy.spatial.distance.cosine(a, b) for a, b in flat]).reshape(x.shape[:-1])


def _four(rng, batch):
    names = ("first_predictions", "second_predictions", "first_projections", "second_projections")
    return {name: rng.normal(size=(*batch, D)) for name in names}


def _agreeing(rng, batch):
    inputs = _four(rng, batch)
    first, second = inputs["first_predictions"], inputs["second_predictions"]
    return {**inputs, "first_projections": second.copy(), "second_projections": first.copy()}


VECTORS = {
    "large": (np.full((2, 2), 1e30), np.full((2, 2), -1e30)),
    "zero": (np.zeros((2, 2)), np.ones((2, 2))),
    "tiny": (np.full((2, 2), 1e-30), np.full((2, 2), 1e-30)),
}

CASES = [
    Case(
        fn=jaxloss.negative_cosine_loss,
        draw=two_arrays("predictions", "targets"),
        structures={"two features": two_arrays("predictions", "targets", 2)},
        oracle=lambda predictions, targets: -_cosine(predictions, targets),
        source="scipy.spatial.distance.cosine",
        bound=-1.0,
        perfect=same_arrays("predictions", "targets"),
        best=-1.0,
        cancels="a cosine has values on both sides of 0",
        extremes=named(VECTORS, "predictions", "targets"),
    ),
    Case(
        fn=jaxloss.byol_loss,
        draw=two_arrays("predictions", "targets"),
        structures={"two features": two_arrays("predictions", "targets", 2)},
        oracle=lambda predictions, targets: 2 - 2 * _cosine(predictions, targets),
        source="scipy.spatial.distance.cosine",
        fixed={"targets": CONSTANT},
        constant={"targets": CONSTANT},
        perfect=same_arrays("predictions", "targets"),
        extremes=named(VECTORS, "predictions", "targets"),
    ),
    Case(
        fn=jaxloss.simsiam_loss,
        draw=_four,
        oracle=lambda first_predictions, second_predictions, first_projections, second_projections: (
            -(_cosine(first_predictions, second_projections) + _cosine(second_predictions, first_projections)) / 2
        ),
        source="scipy.spatial.distance.cosine",
        fixed={"first_projections": CONSTANT, "second_projections": CONSTANT},
        constant={"first_projections": CONSTANT, "second_projections": CONSTANT},
        bound=-1.0,
        perfect=_agreeing,
        best=-1.0,
        cancels="a cosine has values on both sides of 0",
        extremes={
            "zero": {n: np.zeros((2, 2)) for n in _four(np.random.default_rng(0), ())},
            "large": {n: np.full((2, 2), 1e30) for n in _four(np.random.default_rng(0), ())},
        },
    ),
]
