"""Cases of `jaxloss.reinforcement.values.off_policy`."""

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


def draw_off_policy(rng, batch):
    some = draw_states(rng, batch)
    order = ("v_tm1", "v_t", "r_t", "discount_t")
    return {**{n: some[n] for n in order}, "rho_tm1": np.exp(0.5 * rng.normal(size=batch))}


def _off_policy_perfect(rng, batch):
    some = draw_fitted_states(rng, batch)
    order = ("v_tm1", "v_t", "r_t", "discount_t")
    return {**{n: some[n] for n in order}, "rho_tm1": np.exp(rng.normal(size=batch))}


def _vtrace_errors(v_tm1, v_t, r_t, discount_t, rho_tm1, lambda_=1.0, clip_rho_threshold=1.0, leak=0.0):
    """Equation 1 of the paper: a sum over all later steps, of products of all ratios between."""
    clipped = lambda ratios, limit: (1 - leak) * np.minimum(ratios, limit) + (leak * ratios if leak else 0)
    steps = v_t.shape[-1]
    errors = np.zeros_like(v_t)
    for s in range(steps):
        for t in range(s, steps):
            delta = r_t[..., t] + discount_t[..., t] * v_t[..., t] - v_tm1[..., t]
            factor = clipped(rho_tm1[..., t], clip_rho_threshold)
            for i in range(s, t):
                factor = factor * discount_t[..., i] * lambda_ * clipped(rho_tm1[..., i], 1)
            errors[..., s] += factor * delta
    return errors


def _vtrace_loss(**inputs):
    return np.mean(_vtrace_errors(**inputs) ** 2, axis=-1) / 2


def _vtrace_slopes(**inputs):
    errors = _vtrace_errors(**inputs)
    return {"v_tm1": -errors / errors.shape[-1]}


HELPERS = {
    "vtrace_error": "errors with a sign, of which the loss is a function",
    "vtrace_td_error_and_advantage": "errors and advantages for the losses of critic and actor",
}

CASES = [
    Case(
        fn=jaxloss.vtrace_loss,
        draw=draw_off_policy,
        oracle=_vtrace_loss,
        slopes=_vtrace_slopes,
        source="Espeholt et al. (2018), equation 1, as sums of products, with the mixed ratios of Zahavy et al. (2020)",
        hypers={"lambda_": 0.9, "clip_rho_threshold": 1.5, "leak": 0.3},
        ends=(
            *({"lambda_": mix, "clip_rho_threshold": 1.5, "leak": 0.3} for mix in (0.0, 1.0)),
            *({"lambda_": 0.9, "clip_rho_threshold": 1.5, "leak": leak} for leak in (0.0, 1.0)),
        ),
        pooled=True,
        single="a sequence may have one transition",
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}, {"clip_rho_threshold": 0.0}, {"leak": -0.1}, {"leak": 1.1}),
        **stopped("v_t", "r_t", "discount_t", "rho_tm1"),
        illegal={"rho_tm1": (-0.5,)},
        perfect=_off_policy_perfect,
        cancels=DIFFERENCE,
        extremes={
            "large": {
                "v_tm1": np.array([-1e17, 0.0]),
                "v_t": np.array([1e17, 1e38]),
                **LARGE,
                "rho_tm1": np.array([10.0, 0.0]),
            }
        },
        exempt={
            "says_where_its_examples_are": "a pool is one trajectory",
            "weight_is_repetition": ORDERED,
            "derivatives": "the values are in their own targets, which pass no gradient",
        },
        translates=(("v_tm1", "r_t"),),
    ),
]
