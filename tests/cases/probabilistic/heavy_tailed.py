"""Cases of `jaxloss.probabilistic.heavy_tailed`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, SIGNED, centred, edge, positive


def _student(rng, batch):
    return {
        "degrees_of_freedom": np.exp(rng.uniform(-1, 4, size=batch)),
        "locations": 2 * rng.normal(size=batch),
        "scales": positive(rng, batch),
        "targets": 2 * rng.normal(size=batch),
    }


CASES = [
    Case(
        fn=jaxloss.laplace_nll,
        draw=centred("locations", "scales"),
        oracle=lambda locations, scales, targets: -scipy.stats.laplace.logpdf(targets, locations, scales),
        source="scipy.stats.laplace.logpdf",
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={
            "hit": edge(locations=[0, 1], scales=[1e-37, HUGE], targets=[0, 1]),
            "far": edge(locations=[HUGE, -1], scales=[1, 1e-15], targets=[-HUGE, 1]),
        },
        illegal={"scales": (0.0, -1.0)},
        translates=(("locations", "targets"),),
    ),
    Case(
        fn=jaxloss.student_t_nll,
        draw=_student,
        oracle=lambda degrees_of_freedom, locations, scales, targets: (
            -scipy.stats.t.logpdf(targets, degrees_of_freedom, locations, scales)
        ),
        source="scipy.stats.t.logpdf",
        bound=None,
        cancels=SIGNED,
        extremes={
            "any tail": edge(
                degrees_of_freedom=[1e-20, 1e20, np.inf, 1, 1e10],
                locations=[0, 0, 0, 0, 1],
                scales=[1, 1, 1, 1e-15, 1],
                targets=[1, 2, 3, 1e15, 1],
            )
        },
        illegal={"degrees_of_freedom": (0.0, -1.0), "scales": (0.0, -1.0)},
        translates=(("locations", "targets"),),
    ),
]
