"""Cases of feature matching."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.generative._shared import STOPPED
from tests.draws import Draw


def _features(size: int) -> Draw:
    return lambda rng, batch: {n: rng.normal(size=(*batch, size)) for n in ("real_features", "fake_features")}


def _equal_features(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=(*batch, 3))
    return {"real_features": values, "fake_features": values.copy()}


def _feature_matching(real_features, fake_features):
    gap = np.average(fake_features, axis=-2) - np.average(real_features, axis=-2)
    return np.einsum("...d,...d->...", gap, gap)


CASES = [
    Case(
        fn=jaxloss.feature_matching_loss,
        draw=_features(3),
        oracle=_feature_matching,
        source="Salimans et al. (2016), section 3.1",
        pooled=True,
        fixed={"real_features": STOPPED},
        constant={"real_features": STOPPED},
        structures={"one feature": _features(1)},
        perfect=_equal_features,
        convex=True,
        cancels="an average of differences of either sign may be small",
        extremes={"far": {"real_features": np.array([[-1e15, 0.0]]), "fake_features": np.array([[1e15, 0.0]])}},
        translates=(("real_features", "fake_features"),),
    ),
]
