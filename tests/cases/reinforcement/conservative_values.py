"""Cases of `jaxloss.reinforcement.values.conservative_values`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import DIFFERENCE, stopped


def draw_samples(rng, batch, samples=5):
    return {
        "q_tm1": 2 * rng.normal(size=batch),
        "sample_q_tm1": 2 * rng.normal(size=(*batch, samples)),
        "sample_log_probs": rng.normal(size=(*batch, samples)),
    }


def _conservative(q_tm1, sample_q_tm1, sample_log_probs, temperature=1.0):
    integral = np.mean(np.exp(sample_q_tm1 / temperature) / np.exp(sample_log_probs), axis=-1)
    return temperature * np.log(integral) - q_tm1


CASES = [
    Case(
        fn=jaxloss.conservative_q_penalty,
        draw=draw_samples,
        structures={f"{n} samples": lambda rng, batch, n=n: draw_samples(rng, batch, n) for n in (1, 2)},
        oracle=_conservative,
        source="Kumar et al. (2020), equation 4 and appendix F, as an integral by importance sampling",
        hypers={"temperature": 0.5},
        bad_hypers=({"temperature": 0.0},),
        **stopped("sample_log_probs"),
        bound=None,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "large": {
                "q_tm1": np.array([1e30, -1e30]),
                "sample_q_tm1": np.array([[1e30, -1e30], [-1e30, -np.inf]]),
                "sample_log_probs": np.array([[-100.0, 100.0], [0.0, 0.0]]),
            }
        },
        translates=(("q_tm1", "sample_q_tm1"),),
    ),
]
