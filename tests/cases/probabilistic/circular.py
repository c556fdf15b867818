"""Cases of `jaxloss.probabilistic.circular`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, SIGNED, TINY, edge


def _angles(rng, batch):
    """Less than half a turn apart: a difference of about a turn is rounded as a large number, and its sine is small."""
    locations = rng.uniform(-4, 4, size=batch)
    return {
        "locations": locations,
        "concentrations": np.exp(rng.uniform(-2, 3, size=batch)),
        "targets": locations + rng.uniform(-2, 2, size=batch),
    }


CASES = [
    Case(
        fn=jaxloss.von_mises_nll,
        draw=_angles,
        oracle=lambda locations, concentrations, targets: (
            -scipy.stats.vonmises.logpdf(targets, concentrations, locations)
        ),
        source="scipy.stats.vonmises.logpdf",
        bound=None,
        cancels=SIGNED,
        extremes={
            "any concentration": edge(
                locations=[0, 0, 0, 1, 1], concentrations=[0, TINY, HUGE, HUGE, 5], targets=[0, 3, 0, 2, 1]
            ),
            "many turns": edge(locations=[0, HUGE], concentrations=[1, 1], targets=[1e6, 0]),
        },
        illegal={"concentrations": (-1.0, -1e-3)},
        translates=(("locations", "targets"),),
    ),
]
