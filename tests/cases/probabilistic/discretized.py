"""Cases of `jaxloss.probabilistic.discrete_values.discretized`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import edge


def _quantised(rng, batch, levels):
    return 2 * rng.integers(0, levels, size=batch) / (levels - 1) - 1


def _logistic_mixture(rng, batch, components=3):
    targets = _quantised(rng, batch, 64)
    return {
        "logits": rng.normal(size=(*batch, components)),
        "means": targets[..., None] + 0.3 * rng.normal(size=(*batch, components)),
        "log_scales": rng.uniform(-3, -0.5, size=(*batch, components)),
        "targets": targets,
    }


def _bin_edges(targets, levels):
    h = 1 / (levels - 1)
    return np.where(targets < h - 1, -np.inf, targets - h), np.where(targets > 1 - h, np.inf, targets + h)


def _logistic_mixture_nll(logits, means, log_scales, targets, levels=256):
    low, high = _bin_edges(targets, levels)
    law = scipy.stats.logistic(means, np.exp(log_scales))
    # Both distribution functions or both survival functions, whichever are small.
    mass = np.where(
        means > targets[..., None],
        law.cdf(high[..., None]) - law.cdf(low[..., None]),
        law.sf(low[..., None]) - law.sf(high[..., None]),
    )
    return -np.log(np.sum(scipy.special.softmax(logits, axis=-1) * mass, axis=-1))


def _discretized_gaussian(rng, batch):
    targets = _quantised(rng, batch, 64)
    return {
        "means": targets + 0.3 * rng.normal(size=batch),
        "log_scales": rng.uniform(-3, -0.5, size=batch),
        "targets": targets,
    }


def _discretized_gaussian_nll(means, log_scales, targets, levels=256):
    low, high = ((x - means) / np.exp(log_scales) for x in _bin_edges(targets, levels))
    flip = low + high > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    return -scipy.stats.norm.logcdf(high) - np.log1p(
        -np.exp(scipy.stats.norm.logcdf(low) - scipy.stats.norm.logcdf(high))
    )


CASES = [
    Case(
        fn=jaxloss.discretized_logistic_mixture_nll,
        draw=_logistic_mixture,
        oracle=_logistic_mixture_nll,
        source="scipy.stats.logistic, differences of distribution functions",
        hypers={"levels": 64.0},
        bad_hypers=({"levels": 1},),
        tolerance=1e-10,
        extremes={
            "far and sharp": {
                "logits": np.array([[0.0, 1.0], [-np.inf, 1.0], [0.0, 0.0], [1e4, -1e4]]),
                "means": np.array([[50.0, -50.0], [0.0, 1e3], [1.0, -1.0], [0.0, 1.0]]),
                "log_scales": np.array([[-20.0, -30.0], [0.0, -5.0], [-60.0, 60.0], [100.0, -80.0]]),
                "targets": np.array([0.0, 0.2, 1.0, -1.0]),
            }
        },
        illegal={"targets": (-1.5, 1.5)},
        ends=({"levels": 2.0},),
        structures={"one component": lambda rng, batch: _logistic_mixture(rng, batch, 1)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.discretized_gaussian_nll,
        draw=_discretized_gaussian,
        oracle=_discretized_gaussian_nll,
        source="scipy.stats.norm.logcdf differences",
        hypers={"levels": 64.0},
        bad_hypers=({"levels": 1},),
        tolerance=1e-10,
        extremes={
            "far and sharp": edge(
                means=[10, -10, 0.2, 0, 1, -1, 0, 0],
                log_scales=[-20, -5, -60, 60, -100, 0, 100, -20],
                targets=[0, 0, 0.2, 0, 1, 1, -1, 1],
            )
        },
        illegal={"targets": (-1.5, 1.5)},
        ends=({"levels": 2.0},),
    ),
]
