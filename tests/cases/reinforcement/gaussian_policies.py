"""Cases of `jaxloss.reinforcement.policies.gaussian_policies`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import DIFFERENCE

CASES = [
    Case(
        fn=jaxloss.gaussian_entropy_loss,
        draw=lambda rng, batch: {"log_scales": rng.normal(size=(*batch, 3))},
        structures={"one action": lambda rng, batch: {"log_scales": rng.normal(size=(*batch, 1))}},
        oracle=lambda log_scales: -np.sum(scipy.stats.norm(scale=np.exp(log_scales)).entropy(), axis=-1),
        source="scipy.stats.norm.entropy",
        bound=None,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"narrow and wide": {"log_scales": np.array([[-1e30, 0.0], [1e30, 1.0]])}},
    ),
]
