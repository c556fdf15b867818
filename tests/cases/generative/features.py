"""Cases of the losses of features: matched averages, path lengths."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


def _features(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: rng.normal(size=(*batch, 3)) for n in ("fake_features", "real_features")}


def _equal_features(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=(*batch, 3))
    return {"fake_features": values, "real_features": values.copy()}


def _feature_matching(fake_features, real_features):
    gap = np.average(fake_features, axis=-2) - np.average(real_features, axis=-2)
    return np.einsum("...d,...d->...", gap, gap)


CASES = [
    Case(
        fn=jaxloss.feature_matching_loss,
        draw=_features,
        oracle=_feature_matching,
        source="Salimans et al. (2016), section 3.1",
        pooled=True,
        fixed={"real_features": "a stop-gradient, as usual; the zero gradient has a test of its own"},
        perfect=_equal_features,
        convex=True,
        cancels="an average of differences of either sign may be small",
        extremes={"far": {"fake_features": np.array([[1e15, 0.0]]), "real_features": np.array([[-1e15, 0.0]])}},
    ),
]
