"""Cases of `jaxloss.language.preferences.rewards`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import win_nll


def _rewards(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: 2 * rng.normal(size=batch) for n in ("chosen_rewards", "rejected_rewards")}


CASES = [
    Case(
        fn=jaxloss.bradley_terry_reward_loss,
        draw=_rewards,
        oracle=lambda chosen_rewards, rejected_rewards, margin=0.0, centering_weight=0.0: (
            win_nll(chosen_rewards - rejected_rewards - margin)
            + centering_weight * (chosen_rewards + rejected_rewards) ** 2
        ),
        source="scipy.special.expit",
        hypers={"margin": 0.5, "centering_weight": 0.25},
        ends=({"margin": 0.5, "centering_weight": 0.0},),
        bad_hypers=({"centering_weight": -1.0},),
        convex=True,
        extremes={"far": {"chosen_rewards": np.array([1e4, -1e4]), "rejected_rewards": np.array([-1e4, 1e4])}},
    ),
]
