"""Cases of `jaxloss.probabilistic.proportions`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import SIGNED, edge


def _proportions(rng, batch):
    alphas, betas = np.exp(rng.uniform(-1, 4, size=(2, *batch)))
    return {"alphas": alphas, "betas": betas, "targets": rng.uniform(0.02, 0.98, size=batch)}


CASES = [
    Case(
        fn=jaxloss.beta_distribution_nll,
        draw=_proportions,
        oracle=lambda alphas, betas, targets: -scipy.stats.beta.logpdf(targets, alphas, betas),
        source="scipy.stats.beta.logpdf",
        bound=None,
        cancels=SIGNED,
        tolerance=1e-11,
        ulps=8.0,  # the linear parts of its two terms cancel
        extremes={
            "any concentration": edge(
                alphas=[1e-20, 1e20, 1e-10, 1e15, 1], betas=[1e-20, 1e20, 1e20, 1, 1], targets=[0.5, 0.5, 0.1, 0.9, 0.3]
            ),
            "near the ends": edge(alphas=[1, 0.1, 30], betas=[1, 7, 0.2], targets=[1e-30, 1e-30, 1 - 2.0**-24]),
        },
        illegal={"alphas": (0.0, -1.0), "betas": (0.0, -1.0), "targets": (0.0, 1.0, -0.5, 1.5)},
    ),
]
