"""Cases of `jaxloss.reinforcement.values.q_learning`."""

from __future__ import annotations

import jaxloss
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
    "double_q_learning_error": "an error with a sign, of which the loss is a function",
    "q_learning_error": "an error with a sign, of which the loss is a function",
}

CASES = [
    Case(
        fn=jaxloss.q_learning_loss,
        draw=draw_actions("q_t"),
        structures=numbers_of_actions("q_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t: half_square(q_tm1, a_tm1, r_t, discount_t, q_t.max(-1)),
        source="Watkins and Dayan (1992)",
        **stopped("r_t", "discount_t", "q_t"),
        perfect=draw_fitted_actions("q_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t": NEXT_Q}},
        translates=(("q_tm1", "r_t"),),
    ),
    Case(
        fn=jaxloss.double_q_learning_loss,
        draw=draw_actions("q_t_value", "q_t_selector"),
        structures=numbers_of_actions("q_t_value", "q_t_selector"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector: half_square(
            q_tm1, a_tm1, r_t, discount_t, pick(q_t_value, q_t_selector.argmax(-1))
        ),
        source="van Hasselt, Guez and Silver (2016)",
        **stopped("r_t", "discount_t", "q_t_value", "q_t_selector"),
        perfect=draw_fitted_actions("q_t_value", "q_t_selector"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t_value": NEXT_Q, "q_t_selector": NEXT_Q}},
        translates=(("q_t_selector",), ("q_tm1", "r_t")),
    ),
]
