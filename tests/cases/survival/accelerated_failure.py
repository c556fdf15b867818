"""Cases of `jaxloss.survival.accelerated_failure`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case, Inputs, Shape


def _subjects(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "locations": rng.normal(size=batch),
        "log_scales": 0.5 * rng.normal(size=batch),
        "times": np.exp(rng.normal(size=batch)),
        "events": rng.uniform(size=batch) < 0.6,
    }


def _by_scipy(distribution):
    """``distribution(location, scale)`` of the times."""

    def oracle(locations, log_scales, times, events):
        frozen = distribution(locations, np.exp(log_scales))
        return -np.where(events, frozen.logpdf(times), frozen.logsf(times))

    return oracle


EXTREMES = {
    "far off": {
        "locations": np.array([30.0, -4.0, 30.0, -4.0, 0.0]),
        "log_scales": np.zeros(5),
        "times": np.array([1e-6, 1.0, 1e-6, 1.0, 1e30]),
        "events": np.array([True, True, False, False, True]),
    },
    "scales": {
        "locations": np.array([0.0, 0.0, 1.0, 0.0]),
        "log_scales": np.array([-200.0, 80.0, 80.0, -200.0]),
        "times": np.ones(4),
        "events": np.array([True, True, False, False]),
    },
}
CANCELS = "the density of a time, in nats, is 1 somewhere"

CASES = [
    Case(
        fn=fn,
        draw=_subjects,
        oracle=_by_scipy(distribution),
        source=f"scipy.stats.{name}",
        bound=None,
        cancels=CANCELS,
        convex=True,
        illegal={"times": (0.0, -1.0)},
        extremes=EXTREMES,
    )
    for fn, name, distribution in (
        (jaxloss.weibull_aft_nll, "weibull_min", lambda m, s: scipy.stats.weibull_min(1 / s, scale=np.exp(m))),
        (jaxloss.log_normal_aft_nll, "lognorm", lambda m, s: scipy.stats.lognorm(s, scale=np.exp(m))),
        (jaxloss.log_logistic_aft_nll, "fisk", lambda m, s: scipy.stats.fisk(1 / s, scale=np.exp(m))),
    )
]
