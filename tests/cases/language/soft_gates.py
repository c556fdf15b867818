"""Cases of `jaxloss.language.policies.soft_gates`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CONSTANT


def _tokens(rng: np.random.Generator, batch: Shape) -> Inputs:
    log_probs = -rng.gamma(2.0, size=batch) - 0.3
    return {
        "log_probs": log_probs,
        "old_log_probs": log_probs + 0.3 * rng.normal(size=batch),
        "advantages": rng.normal(size=batch),
    }


def _sapo(log_probs, old_log_probs, advantages, positive_temperature=1.0, negative_temperature=1.05):
    ratio = np.exp(log_probs) / np.exp(old_log_probs)
    gate = lambda tau: 4 / tau * scipy.special.expit(tau * (ratio - 1))
    return -advantages * np.where(advantages > 0, gate(positive_temperature), gate(negative_temperature))


STOPPED = {"old_log_probs": CONSTANT, "advantages": CONSTANT}

CASES = [
    Case(
        fn=jaxloss.sapo_loss,
        draw=_tokens,
        oracle=_sapo,
        source="Gao et al. (2025), equation 6, over scipy.special.expit",
        hypers={"positive_temperature": 0.75, "negative_temperature": 1.5},
        bad_hypers=({"positive_temperature": 0.0}, {"negative_temperature": 0.0}),
        fixed=STOPPED,
        constant=STOPPED,
        bound=None,
        extremes={
            "far": {
                "log_probs": np.array([-1e4, 0.0, 0.0, 0.0]),
                "old_log_probs": np.array([0.0, -1e4, -1e4, 0.0]),
                "advantages": np.array([1.0, 1.0, -1.0, 0.0]),
            }
        },
        translates=(("log_probs", "old_log_probs"),),
    ),
]
