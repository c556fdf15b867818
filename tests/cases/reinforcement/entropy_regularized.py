"""Cases of `jaxloss.reinforcement.values.entropy_regularized`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import (
    DIFFERENCE,
    LARGE_Q,
    NEXT_Q,
    draw_actions,
    half_square,
    numbers_of_actions,
    pick,
    stopped,
)

FOLLOWING = ("q_t", "q_tm1_target")


def _munchausen(
    q_tm1, a_tm1, r_t, discount_t, q_t, q_tm1_target, temperature=0.03, munchausen_weight=0.9, bonus_floor=-1.0
):
    log_policy = temperature * pick(scipy.special.log_softmax(q_tm1_target / temperature, axis=-1), a_tm1)
    reward = r_t + munchausen_weight * np.clip(log_policy, bonus_floor, 0)
    policy = scipy.special.softmax(q_t / temperature, axis=-1)
    logs = scipy.special.log_softmax(q_t / temperature, axis=-1)
    return half_square(q_tm1, a_tm1, reward, discount_t, np.sum(policy * (q_t - temperature * logs), axis=-1))


def _fitted(rng, batch):
    """Nothing follows, and the target policy is certain of the action: there is no bonus."""
    some = draw_actions(*FOLLOWING)(rng, batch)
    reward = rng.integers(-8, 8, size=batch) / 4
    q, former = np.round(some["q_tm1"]), np.zeros_like(some["q_tm1_target"])
    np.put_along_axis(q, some["a_tm1"][..., None], reward[..., None], -1)
    np.put_along_axis(former, some["a_tm1"][..., None], 1024.0, -1)
    return {**some, "q_tm1": q, "r_t": reward, "discount_t": np.zeros(batch), "q_tm1_target": former}


HELPERS = {"munchausen_q_learning_error": "an error with a sign, of which the loss is a function"}

CASES = [
    Case(
        fn=jaxloss.munchausen_q_learning_loss,
        draw=draw_actions(*FOLLOWING),
        structures=numbers_of_actions(*FOLLOWING),
        oracle=_munchausen,
        source="Vieillard, Pietquin and Geist (2020), equation 1, with the policy over scipy.special",
        hypers={"temperature": 0.5, "munchausen_weight": 0.75, "bonus_floor": -2.0},
        ends=(
            {"temperature": 0.5, "munchausen_weight": 0.0, "bonus_floor": -2.0},
            {"temperature": 0.5, "munchausen_weight": 1.0, "bonus_floor": 0.0},
        ),
        bad_hypers=(
            {"temperature": 0.0},
            {"munchausen_weight": -0.1},
            {"munchausen_weight": 1.1},
            {"bonus_floor": 0.1},
        ),
        **stopped("r_t", "discount_t", *FOLLOWING, "temperature", "munchausen_weight", "bonus_floor"),
        perfect=_fitted,
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t": NEXT_Q, "q_tm1_target": NEXT_Q}},
        translates=(("q_tm1_target",), ("q_tm1", "r_t")),
    ),
]
