"""Cases of `jaxloss.reinforcement.values.temporal_difference`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import (
    DIFFERENCE,
    LARGE,
    ORDERED,
    draw_fitted_states,
    draw_states,
    stopped,
)


def _ends(rng, batch):
    """Every step ends an episode, and every value is its reward."""
    r = rng.normal(size=batch).astype(np.float32).astype(float)
    return {"v_tm1": r, "r_t": r.copy(), "discount_t": np.zeros(batch), "v_t": rng.normal(size=batch)}


def _lambda_loss(v_tm1, r_t, discount_t, v_t, lambda_=0.95):
    returns = np.zeros_like(v_t)
    carry = v_t[..., -1]
    for t in reversed(range(v_t.shape[-1])):
        carry = r_t[..., t] + discount_t[..., t] * ((1 - lambda_) * v_t[..., t] + lambda_ * carry)
        returns[..., t] = carry
    return np.mean((returns - v_tm1) ** 2, axis=-1) / 2


HELPERS = {
    "td_error": "an error with a sign, of which the loss is a function",
    "td_lambda_error": "errors with a sign, of which the loss is a function",
}

CASES = [
    Case(
        fn=jaxloss.td_loss,
        draw=draw_states,
        oracle=lambda v_tm1, r_t, discount_t, v_t: (r_t + discount_t * v_t - v_tm1) ** 2 / 2,
        source="Sutton (1988)",
        **stopped("r_t", "discount_t", "v_t"),
        perfect=draw_fitted_states,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"large": {"v_tm1": np.array([-1e18, 0.0]), **LARGE, "v_t": np.array([1e18, 1e38])}},
        translates=(("v_tm1", "r_t"),),
    ),
    Case(
        fn=jaxloss.td_lambda_loss,
        draw=draw_states,
        oracle=_lambda_loss,
        source="Sutton and Barto, equation 12.2, as a loop back in time",
        hypers={"lambda_": 0.7},
        ends=({"lambda_": 0.0}, {"lambda_": 1.0}),
        pooled=True,
        single="a sequence may have one transition",
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}),
        **stopped("r_t", "discount_t", "v_t", "lambda_"),
        perfect=_ends,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"large": {"v_tm1": np.array([-1e17, 0.0]), **LARGE, "v_t": np.array([1e18, 1e38])}},
        exempt={"says_where_its_examples_are": "a pool is one trajectory", "weight_is_repetition": ORDERED},
    ),
]
