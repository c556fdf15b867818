"""Cases of `jaxloss.probabilistic.forecasts.mixture_crps`."""

from __future__ import annotations

import numpy as np
import pytest

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, TINY, positive


def _mixture(components):
    return lambda rng, batch: {
        "logits": rng.normal(size=(*batch, components)),
        "means": 2 * rng.normal(size=(*batch, components)),
        "scales": positive(rng, (*batch, components)),
        "targets": 2 * rng.normal(size=batch),
    }


def _mixture_crps(logits, means, scales, targets):
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares = shares / shares.sum(-1, keepdims=True)
    return pytest.importorskip("scoringrules").crps_mixnorm(targets, means, scales, shares)


CASES = [
    Case(
        fn=jaxloss.gaussian_mixture_crps,
        draw=_mixture(3),
        oracle=_mixture_crps,
        source="scoringrules.crps_mixnorm",
        ulps=8.0,  # the mean distance of two draws is subtracted
        structures={"one component": _mixture(1), "two components": _mixture(2)},
        extremes={
            "absent component": {
                "logits": np.array([[0.0, -np.inf], [-np.inf, 1.0]]),
                "means": np.array([[0.0, 1.0], [2.0, 3.0]]),
                "scales": np.ones((2, 2)),
                "targets": np.array([0.5, 0.5]),
            },
            "any scale": {
                "logits": np.array([[0.0, 1e30], [5.0, -5.0]]),
                "means": np.array([[HUGE, -HUGE], [0.0, 0.0]]),
                "scales": np.array([[TINY, HUGE], [TINY, TINY]]),
                "targets": np.array([1.0, 0.0]),
            },
        },
        illegal={"scales": (0.0, -1.0)},
        translates=(("means", "targets"),),
    ),
]
