"""Cases of `jaxloss.reinforcement.policies.deterministic_policies`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import stopped


def draw_gradients(rng, batch, actions=3):
    return {name: rng.normal(size=(*batch, actions)) for name in ("a_t", "dqda_t")}


def _clipped(dqda_t, dqda_clipping):
    length = np.linalg.norm(dqda_t, axis=-1, keepdims=True)
    return np.where(length > dqda_clipping, dqda_t / length * np.minimum(dqda_clipping, 1e300), dqda_t)


def _dpg(a_t, dqda_t, dqda_clipping=np.inf):
    return np.sum(_clipped(dqda_t, dqda_clipping) ** 2, axis=-1) / 2


CASES = [
    Case(
        fn=jaxloss.dpg_loss,
        draw=draw_gradients,
        structures={"one action": lambda rng, batch: draw_gradients(rng, batch, 1)},
        oracle=_dpg,
        source="Silver et al. (2014), as half the square of the clipped gradient, which is rlax's dpg_loss",
        slopes=lambda a_t, dqda_t, dqda_clipping=np.inf: {"a_t": -_clipped(dqda_t, dqda_clipping)},
        hypers={"dqda_clipping": 1.5},
        bad_hypers=({"dqda_clipping": 0.0},),
        **stopped("dqda_t", "dqda_clipping"),
        perfect=lambda rng, batch: {"a_t": rng.normal(size=(*batch, 3)), "dqda_t": np.zeros((*batch, 3))},
        exempt={"derivatives": "the target is the action itself, moved, and passes no gradient"},
        extremes={
            "no slope, and a long one": {
                "a_t": np.array([[1e30, -1e30], [0.0, 0.0]]),
                "dqda_t": np.array([[0.0, 0.0], [1e19, -1e-38]]),
            }
        },
    ),
]
