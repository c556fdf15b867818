"""Cases of the closed-form scores: `location_scale_crps`, `positive_crps` and `mixture_crps`.

They are modules of `jaxloss.probabilistic.forecasts`.
"""

from __future__ import annotations

import numpy as np
import pytest

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, TINY, centred, edge, positive


def _scoringrules(name, *order):
    """A closed form of scoringrules, which takes the observations first; ``order`` names the rest of our inputs."""

    def oracle(**inputs):
        rules = pytest.importorskip("scoringrules")
        return getattr(rules, name)(inputs["targets"], *(inputs[name] for name in order))

    return oracle


def _exponential(means, targets):
    return pytest.importorskip("scoringrules").crps_exponential(targets, 1 / means)


def _amounts(rng, batch):
    return {"means": positive(rng, batch), "targets": rng.gamma(2.0, size=batch)}


def _log_amounts(rng, batch):
    locations, scales = rng.normal(size=batch), rng.uniform(0.4, 2, size=batch)
    return {"locations": locations, "scales": scales, "targets": np.exp(locations + scales * rng.normal(size=batch))}


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


LOCATED = {
    "far": edge(locations=[0, HUGE], scales=[TINY, 1], targets=[HUGE, 0]),
    "hit": edge(locations=[0, 1], scales=[1e-37, HUGE], targets=[0, 1]),
}

CASES = [
    *(
        Case(
            fn=fn,
            draw=centred("locations", "scales"),
            oracle=_scoringrules(name, "locations", "scales"),
            source=f"scoringrules.{name}",
            convex=True,
            extremes=LOCATED,
            illegal={"scales": (0.0, -1.0)},
            translates=(("locations", "targets"),),
        )
        for fn, name in ((jaxloss.laplace_crps, "crps_laplace"), (jaxloss.logistic_crps, "crps_logistic"))
    ),
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
        oracle=_scoringrules("crps_lognormal", "locations", "scales"),
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
