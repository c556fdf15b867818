"""Cases of `jaxloss.probabilistic.normalizing_flows`."""

from __future__ import annotations

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.probabilistic._shared import HUGE, edge

CASES = [
    Case(
        fn=jaxloss.normalizing_flow_nll,
        draw=draws.pair("base_log_probs", "log_det_jacobians"),
        oracle=lambda base_log_probs, log_det_jacobians: -base_log_probs - log_det_jacobians,
        source="formula",
        bound=None,
        convex=True,
        extremes={"large": edge(base_log_probs=[-HUGE, 0], log_det_jacobians=[0, HUGE])},
    ),
]
