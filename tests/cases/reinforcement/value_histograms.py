"""Cases of `jaxloss.reinforcement.values.value_histograms`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import for_each, project, stopped


def _two_hot(logits, targets, atoms):
    rows = lambda p, y: -np.sum(project(np.array([y]), np.ones(1), atoms) * scipy.special.log_softmax(p))
    return for_each(rows, (logits, 1), (targets, 0))


def _hl_gauss(logits, targets, edges, sigma_ratio=0.75):
    sigma = sigma_ratio * (edges[-1] - edges[0]) / (len(edges) - 1)
    masses = np.diff(scipy.stats.norm.cdf(edges, loc=targets[..., None], scale=sigma), axis=-1)
    masses /= masses.sum(-1, keepdims=True)
    return -np.sum(masses * scipy.special.log_softmax(logits, axis=-1), axis=-1)


def _histogram(name, points, bins=5):
    return lambda rng, batch: {
        "logits": 2 * rng.normal(size=(*batch, bins)),
        "targets": rng.uniform(-2.5, 2.5, size=batch),
        name: np.linspace(-3.0, 3.0, points),
    }


CASES = [
    Case(
        fn=jaxloss.two_hot_cross_entropy,
        draw=_histogram("atoms", 5),
        structures={"two atoms": _histogram("atoms", 2, bins=2)},
        oracle=_two_hot,
        source="Schrittwieser et al. (2020), appendix F, as loops",
        shared=("atoms",),
        **stopped("targets", "atoms"),
        convex=True,
        extremes={
            "beyond": {
                "logits": np.array([[1e4, 0.0], [-np.inf, 0.0]]),
                "targets": np.array([1e30, np.inf]),
                "atoms": np.array([0.0, 1.0]),
            }
        },
        translates=(("logits",), ("targets", "atoms")),
    ),
    Case(
        fn=jaxloss.hl_gauss_loss,
        draw=_histogram("edges", 6),
        structures={"one bin": _histogram("edges", 2, bins=1), "two bins": _histogram("edges", 3, bins=2)},
        oracle=_hl_gauss,
        source="scipy.stats.norm.cdf",
        hypers={"sigma_ratio": 1.5},
        bad_hypers=({"sigma_ratio": 0.0},),
        shared=("edges",),
        **stopped("targets", "edges", "sigma_ratio"),
        convex=True,
        extremes={
            "beyond": {
                "logits": np.array([[1e4, 0.0], [0.0, 0.0]]),
                "targets": np.array([1e30, -np.inf]),
                "edges": np.array([0.0, 1.0, 2.0]),
            },
            "absent bin": {
                "logits": np.where(np.arange(40) == 39, -np.inf, np.zeros((1, 40))),
                "targets": np.array([0.0]),
                "edges": np.arange(41.0),
            },
        },
        translates=(("logits",), ("targets", "edges")),
    ),
]
