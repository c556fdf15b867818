"""Cases of `jaxloss.reinforcement.values.sarsa`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.reinforcement._shared import (
    DIFFERENCE,
    LARGE_Q,
    NEXT_Q,
    draw_actions,
    draw_fitted_actions,
    half_square,
    numbers_of_actions,
    pick,
    stopped,
)

HELPERS = {
    "expected_sarsa_error": "an error with a sign, of which the loss is a function",
    "sarsa_error": "an error with a sign, of which the loss is a function",
}

CASES = [
    Case(
        fn=jaxloss.sarsa_loss,
        draw=draw_actions("q_t", "a_t"),
        structures=numbers_of_actions("q_t", "a_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t, a_t: half_square(
            q_tm1, a_tm1, r_t, discount_t, pick(q_t, a_t)
        ),
        source="Rummery and Niranjan (1994)",
        **stopped("r_t", "discount_t", "q_t"),
        illegal={"a_t": (-1, 4)},
        perfect=draw_fitted_actions("q_t", "a_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large": {**LARGE_Q, "q_t": NEXT_Q, "a_t": np.array([1, 0], np.int32)}},
        translates=(("q_tm1", "r_t"),),
    ),
    Case(
        fn=jaxloss.expected_sarsa_loss,
        mistakes={"sum to 1": draws.half_of("probs_a_t")},
        draw=draw_actions("q_t", "probs_a_t"),
        structures=numbers_of_actions("q_t", "probs_a_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t, probs_a_t: half_square(
            q_tm1, a_tm1, r_t, discount_t, np.einsum("...a,...a->...", q_t, probs_a_t)
        ),
        source="van Seijen et al. (2009)",
        **stopped("r_t", "discount_t", "q_t", "probs_a_t"),
        illegal={"probs_a_t": (-0.1, 1.5)},
        perfect=draw_fitted_actions("q_t", "probs_a_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large": {**LARGE_Q, "q_t": NEXT_Q, "probs_a_t": np.array([[0.0, 1.0], [0.5, 0.5]])}},
        translates=(("q_tm1", "r_t"),),
    ),
]
