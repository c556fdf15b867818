"""Cases of `jaxloss.probabilistic.forecasts.location_scale_crps`."""

from __future__ import annotations

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, TINY, centred, edge, scoringrules

LOCATED = {
    "far": edge(locations=[0, HUGE], scales=[TINY, 1], targets=[HUGE, 0]),
    "hit": edge(locations=[0, 1], scales=[1e-37, HUGE], targets=[0, 1]),
}

CASES = [
    *(
        Case(
            fn=fn,
            draw=centred("locations", "scales"),
            oracle=scoringrules(name, "locations", "scales"),
            source=f"scoringrules.{name}",
            convex=True,
            extremes=LOCATED,
            illegal={"scales": (0.0, -1.0)},
            translates=(("locations", "targets"),),
        )
        for fn, name in ((jaxloss.laplace_crps, "crps_laplace"), (jaxloss.logistic_crps, "crps_logistic"))
    ),
]
