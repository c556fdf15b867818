"""Cases of `jaxloss.survival.interval_censoring`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case, Inputs, Shape

BOUNDS = "equal, zero and infinite bounds are likelihoods of their own; their slopes have a test of its own"


def _subjects(rng: np.random.Generator, batch: Shape) -> Inputs:
    """A quarter each of known, of right-censored, of left-censored times and of intervals."""
    kind, times = rng.integers(0, 4, size=batch), np.exp(rng.normal(size=batch))
    return {
        "locations": rng.normal(size=batch),
        "log_scales": 0.5 * rng.normal(size=batch),
        "lower_bounds": np.where(kind == 2, 0.0, times),
        "upper_bounds": np.choose(kind, [times, np.inf, times, times * (1.2 + rng.gamma(1.0, size=batch))]),
    }


def _swapped(inputs: Inputs) -> Inputs:
    return inputs | {"lower_bounds": inputs["upper_bounds"] + 1, "upper_bounds": inputs["lower_bounds"]}


def _by_scipy(distribution):
    """``distribution(location, scale)`` of the times: a density, or a difference of survivals or of their complements."""

    def oracle(locations, log_scales, lower_bounds, upper_bounds):
        frozen = distribution(locations, np.exp(log_scales))
        with np.errstate(all="ignore"):
            early = np.log(frozen.cdf(upper_bounds) - frozen.cdf(lower_bounds))
            late = frozen.logsf(lower_bounds) + np.log1p(-frozen.sf(upper_bounds) / frozen.sf(lower_bounds))
            within = np.where(frozen.cdf(lower_bounds) < 0.5, early, late)
            within = np.where(upper_bounds == np.inf, frozen.logsf(lower_bounds), within)
            return -np.where(lower_bounds == upper_bounds, frozen.logpdf(lower_bounds), within)

    return oracle


def _edges(*columns: tuple[float, float, float, float]) -> Inputs:
    names = ("locations", "log_scales", "lower_bounds", "upper_bounds")
    return dict(zip(names, np.array(columns, float).T.copy(), strict=True))


EXTREMES = {
    "far off": _edges((30, 0, 1e-6, 1e-5), (-4, 0, 1, 2), (30, 0, 0, 1e-6), (-4, 0, 3, np.inf), (0, 0, 1e30, 1e30)),
    "scales": _edges((0, -200, 1, 2), (0, 80, 1, 2), (1, 80, 1, np.inf), (0, 80, 0, 1), (0, -80, 0.5, 2)),
    "narrow": _edges((0, 0, 1, 1 + 2.0**-23), (0, 80, 1, 1 + 2.0**-23), (0, 0, 1e-30, 1e-30), (1, 0, 1e-30, 1e30)),
    "anything": _edges((0, 0, 0, np.inf), (3, -1, 0, np.inf)),
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
        tolerance=1e-10,
        fixed={"lower_bounds": BOUNDS, "upper_bounds": BOUNDS},
        illegal={"lower_bounds": (-1.0,), "upper_bounds": (0.0, -1.0)},
        mistakes={"lower_bounds": _swapped},
        extremes=EXTREMES,
    )
    for fn, name, distribution in (
        (jaxloss.weibull_aft_interval_nll, "weibull_min", lambda m, s: scipy.stats.weibull_min(1 / s, scale=np.exp(m))),
        (jaxloss.log_normal_aft_interval_nll, "lognorm", lambda m, s: scipy.stats.lognorm(s, scale=np.exp(m))),
        (jaxloss.log_logistic_aft_interval_nll, "fisk", lambda m, s: scipy.stats.fisk(1 / s, scale=np.exp(m))),
    )
]
