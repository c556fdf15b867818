"""Cases of `jaxloss.probabilistic.forecasts.positive_crps`."""

from __future__ import annotations

import numpy as np
import pytest

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, TINY, edge, positive, scoringrules


def _exponential(means, targets):
    return pytest.importorskip("scoringrules").crps_exponential(targets, 1 / means)


def _amounts(rng, batch):
    return {"means": positive(rng, batch), "targets": rng.gamma(2.0, size=batch)}


def _log_amounts(rng, batch):
    locations, scales = rng.normal(size=batch), rng.uniform(0.4, 2, size=batch)
    return {"locations": locations, "scales": scales, "targets": np.exp(locations + scales * rng.normal(size=batch))}


CASES = [
    Case(
        fn=jaxloss.exponential_crps,
        draw=_amounts,
        oracle=_exponential,
        source="scoringrules.crps_exponential",
        convex=True,
        extremes={"any scale": edge(means=[TINY, HUGE, 1, HUGE], targets=[HUGE, TINY, 0, HUGE])},
        illegal={"means": (0.0, -1.0), "targets": (-1.0, -1e-3)},
    ),
    Case(
        fn=jaxloss.log_normal_crps,
        draw=_log_amounts,
        oracle=scoringrules("crps_lognormal", "locations", "scales"),
        source="scoringrules.crps_lognormal",
        tolerance=1e-11,
        ulps=16.0,  # the logarithm of the target is rounded, and divided by the scale
        extremes={
            "narrow": edge(locations=[0, 1, -3], scales=[1e-6, TINY, 1e-3], targets=[1, 2, 1e-3]),
            "wide": edge(locations=[0, 0, 3, -20], scales=[12, 5, 17, 1e-2], targets=[1, 1e-30, HUGE, 3]),
            "nothing": edge(locations=[0, 2], scales=[1, 0.1], targets=[0, 0]),
        },
        illegal={"scales": (0.0, -1.0), "targets": (-1.0, -1e-3)},
    ),
]
