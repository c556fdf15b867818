"""Cases of `jaxloss.probabilistic.discrete_values.zero_inflation`."""

from __future__ import annotations

import numpy as np
import scipy.stats
from scipy.special import log_expit

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import edge

COUNTS = "counts are whole, and a zero has a likelihood of its own"


def _counts(rng, means):
    return (rng.poisson(means) * rng.integers(0, 2, size=means.shape)).astype(float)


def _poisson(rng, batch):
    log_rates = rng.uniform(-2, 4, size=batch)
    return {
        "zero_logits": 2 * rng.normal(size=batch),
        "log_rates": log_rates,
        "targets": _counts(rng, np.exp(log_rates + 0.3)),
    }


def _negative_binomial(rng, batch):
    means = np.exp(rng.uniform(-1, 4, size=batch))
    return {
        "zero_logits": 2 * rng.normal(size=batch),
        "means": means,
        "dispersions": np.exp(rng.uniform(-4, 1, size=batch)),
        "targets": _counts(rng, means * rng.gamma(2, 0.5, size=batch)),
    }


def _mixed(zero_logits, log_masses, targets):
    """The logarithm of a sum of two masses, of which the first is that of a zero."""
    structural = np.where(targets == 0, log_expit(zero_logits), -np.inf)
    return -np.logaddexp(structural, log_expit(-zero_logits) + log_masses)


def _poisson_nll(zero_logits, log_rates, targets):
    return _mixed(zero_logits, scipy.stats.poisson.logpmf(targets, np.exp(log_rates)), targets)


def _negative_binomial_nll(zero_logits, means, dispersions, targets):
    log_masses = scipy.stats.nbinom.logpmf(targets, 1 / dispersions, 1 / (1 + dispersions * means))
    return _mixed(zero_logits, log_masses, targets)


CASES = [
    Case(
        fn=jaxloss.zero_inflated_poisson_nll,
        draw=_poisson,
        oracle=_poisson_nll,
        source="scipy.stats.poisson.logpmf, mixed with a mass at 0",
        fixed={"targets": COUNTS},
        tolerance=1e-11,
        extremes={
            "no structural zeros": edge(zero_logits=-np.inf, log_rates=[0, -80, -np.inf, 20], targets=[0, 0, 0, 1e9]),
            "sure of a zero": edge(zero_logits=[200, 1e30, 200, np.inf], log_rates=[0, 0, 90, 3], targets=[0, 0, 0, 0]),
            "sure of a count": edge(zero_logits=[-200, -1e30, -200], log_rates=[5, 80, -90], targets=[0, 0, 0]),
            "wrong": edge(zero_logits=[200, 1e30], log_rates=[0, 3], targets=[1, 4]),
        },
        illegal={"targets": (-1.0, -0.5)},
    ),
    Case(
        fn=jaxloss.zero_inflated_negative_binomial_nll,
        draw=_negative_binomial,
        oracle=_negative_binomial_nll,
        source="scipy.stats.nbinom.logpmf, mixed with a mass at 0",
        fixed={"targets": COUNTS},
        tolerance=1e-10,
        extremes={
            "any dispersion": edge(
                zero_logits=[-np.inf, 0, 3, -300, 300, np.inf],
                means=[1, 1, 1e6, 1e-6, 1e18, 1],
                dispersions=[0, 1e-30, 1e-6, 1e6, 0, 1],
                targets=[0, 1, 1e6, 0, 0, 0],
            )
        },
        illegal={"means": (0.0, -1.0), "dispersions": (-0.1,), "targets": (-1.0, -0.5)},
    ),
]
