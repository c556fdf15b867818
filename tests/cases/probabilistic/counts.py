"""Cases of `jaxloss.probabilistic.discrete_values.counts`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import edge

COUNTS = "counts are whole and start at 0, the edge of the domain; their slope has a test of its own"


def _poisson(rng, batch):
    log_rates = rng.uniform(-2, 4, size=batch)
    return {"log_rates": log_rates, "targets": rng.poisson(np.exp(log_rates + 0.3)).astype(float)}


def _negative_binomial(rng, batch):
    means = np.exp(rng.uniform(-1, 4, size=batch))
    return {
        "means": means,
        "dispersions": np.exp(rng.uniform(-4, 1, size=batch)),
        "targets": rng.poisson(means * rng.gamma(2, 0.5, size=batch)).astype(float),
    }


def _negative_binomial_nll(means, dispersions, targets):
    failures, success = 1 / dispersions, 1 / (1 + dispersions * means)
    if np.array_equal(targets, np.round(targets)):
        return -scipy.stats.nbinom.logpmf(targets, failures, success)
    choices = -scipy.special.betaln(targets + 1, failures) - np.log(targets + failures)
    return -choices - failures * np.log(success) - targets * np.log1p(-success)


def _parts(draw):
    """Fractional counts, such as those of weighted events."""
    return lambda rng, batch: draw(rng, batch) | {"targets": rng.uniform(0.01, 3, size=batch)}


def _poisson_nll(log_rates, targets):
    return np.exp(log_rates) - targets * log_rates + scipy.special.gammaln(targets + 1)


CASES = [
    Case(
        fn=jaxloss.poisson_nll,
        draw=_poisson,
        oracle=_poisson_nll,
        source="the formula, with scipy.special.gammaln",
        structures={"parts of counts": _parts(_poisson)},
        fixed={"targets": COUNTS},
        convex=True,
        extremes={
            "counts as floats": edge(log_rates=[-np.inf, -80, 80, 0, 20], targets=[0, 0, 1, 0, 1e9]),
            "rates that underflow": edge(log_rates=[-88, -100, -1e4, -80.5], targets=[4, 1, 1e9, 1e30]),
            "counts as integers": {"log_rates": np.array([-80.0, 20.0]), "targets": np.array([10, 10**9], np.int32)},
        },
        illegal={"targets": (-1.0, -0.5)},
    ),
    Case(
        fn=jaxloss.negative_binomial_nll,
        draw=_negative_binomial,
        oracle=_negative_binomial_nll,
        source="scipy.stats.nbinom.logpmf, and the formula with scipy.special.betaln for parts of counts",
        structures={"parts of counts": _parts(_negative_binomial)},
        fixed={"targets": COUNTS},
        tolerance=1e-11,
        extremes={
            "any dispersion": edge(
                means=[1, 1, 1e6, 1e-6, 100, 1e6],
                dispersions=[0, 1e-30, 1e-6, 1e6, 0, 1],
                targets=[0, 1, 1e6, 0, 50, 3],
            )
        },
        illegal={"means": (0.0, -1.0), "dispersions": (-0.1,), "targets": (-1.0, -0.5)},
    ),
]
