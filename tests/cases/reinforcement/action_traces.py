"""Cases of `jaxloss.reinforcement.values.action_traces`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.reinforcement._shared import (
    DIFFERENCE,
    ORDERED,
    draw_actions,
    draw_dyadic,
    draw_rewards,
    pick,
    stopped,
)

ACTIONS = 4


def draw_retrace(rng, batch, actions=ACTIONS):
    some = draw_actions("q_t", "a_t", "probs_a_t", actions=actions)(rng, batch)
    return {
        **{n: some[n] for n in ("q_tm1", "a_tm1", "r_t", "discount_t", "q_t", "a_t")},
        "pi_t": some["probs_a_t"],
        "mu_t": rng.uniform(0.1, 1.0, size=batch),
    }


def _fitted(rng, batch):
    """Every state has one value, which is the reward that ends the episode."""
    rewards, _ = draw_dyadic(rng, batch)
    some = draw_retrace(rng, batch)
    q = np.round(some["q_tm1"])
    np.put_along_axis(q, some["a_tm1"][..., None], rewards["r_t"][..., None], -1)
    return {**some, **rewards, "discount_t": np.zeros(batch), "q_tm1": q}


def draw_retrace_continuous(rng, batch):
    return {
        "q_tm1": 2 * rng.normal(size=batch),
        **draw_rewards(rng, batch),
        "v_t": 2 * rng.normal(size=batch),
        "q_t": 2 * rng.normal(size=batch),
        "log_rhos": 0.5 * rng.normal(size=batch),
    }


def _fitted_continuous(rng, batch):
    rewards, _ = draw_dyadic(rng, batch)
    some = draw_retrace_continuous(rng, batch)
    return {**some, **rewards, "discount_t": np.zeros(batch), "q_tm1": rewards["r_t"].copy()}


def _returns(q, v, r, discount, c):
    """Equation 4 of the paper: corrections of all later steps, under products of all traces between."""
    steps = r.shape[-1]
    returns = r + discount * v
    for s in range(steps):
        factor = np.ones(r.shape[:-1])
        for t in range(s + 1, steps):
            factor = factor * discount[..., t - 1] * c[..., t - 1]
            returns[..., s] += factor * (r[..., t] + discount[..., t] * v[..., t] - q[..., t - 1])
    return returns


def _retrace(q_tm1, a_tm1, r_t, discount_t, q_t, a_t, pi_t, mu_t, lambda_=1.0):
    traces = lambda_ * np.minimum(1, pick(pi_t, a_t) / mu_t)
    returns = _returns(pick(q_t, a_t), np.einsum("...a,...a->...", pi_t, q_t), r_t, discount_t, traces)
    return np.mean((returns - pick(q_tm1, a_tm1)) ** 2, axis=-1) / 2


def _retrace_continuous(q_tm1, r_t, discount_t, v_t, q_t, log_rhos, lambda_=1.0):
    returns = _returns(q_t, v_t, r_t, discount_t, lambda_ * np.minimum(1, np.exp(log_rhos)))
    return np.mean((returns - q_tm1) ** 2, axis=-1) / 2


TRAJECTORY = {"says_where_its_examples_are": "a pool is one trajectory", "weight_is_repetition": ORDERED}

HELPERS = {
    "retrace_continuous_error": "errors with a sign, of which the loss is a function",
    "retrace_error": "errors with a sign, of which the loss is a function",
}

CASES = [
    Case(
        fn=jaxloss.retrace_loss,
        mistakes={"sum to 1": draws.half_of("pi_t")},
        draw=draw_retrace,
        structures={f"{n} actions": lambda rng, batch, n=n: draw_retrace(rng, batch, n) for n in (1, 2)},
        oracle=_retrace,
        source="Munos et al. (2016), equation 4, as sums of products",
        hypers={"lambda_": 0.7},
        ends=({"lambda_": 0.0}, {"lambda_": 1.0}),
        pooled=True,
        single="a sequence may have one transition",
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}),
        **stopped("r_t", "discount_t", "q_t", "pi_t", "mu_t", "lambda_"),
        illegal={"pi_t": (-0.1, 1.5), "mu_t": (0.0, -0.5), "a_t": (-1, ACTIONS)},
        labels="a_tm1",
        perfect=_fitted,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "large, a forbidden action, and one that was all but impossible": {
                "q_tm1": np.array([[1e17, 0.0], [0.0, 0.0]]),
                "a_tm1": np.array([0, 1], np.int32),
                "r_t": np.array([1e17, 0.0]),
                "discount_t": np.array([1.0, 0.0]),
                "q_t": np.array([[1e17, -np.inf], [0.0, 1e17]]),
                "a_t": np.array([0, 0], np.int32),
                "pi_t": np.array([[1.0, 0.0], [0.5, 0.5]]),
                "mu_t": np.array([2e-38, 1.0]),
            },
            "no action behind the last step": {
                "q_tm1": np.zeros((1, 2)),
                "a_tm1": np.array([0], np.int32),
                "r_t": np.array([1.0]),
                "discount_t": np.array([1.0]),
                "q_t": np.ones((1, 2)),
                "a_t": np.array([-1], np.int32),
                "pi_t": np.full((1, 2), 0.5),
                "mu_t": np.array([0.0]),
            },
        },
        exempt=TRAJECTORY,
    ),
    Case(
        fn=jaxloss.retrace_continuous_loss,
        draw=draw_retrace_continuous,
        oracle=_retrace_continuous,
        source="Munos et al. (2016), equation 4, as sums of products",
        hypers={"lambda_": 0.7},
        ends=({"lambda_": 0.0}, {"lambda_": 1.0}),
        pooled=True,
        single="a sequence may have one transition",
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}),
        **stopped("r_t", "discount_t", "v_t", "q_t", "log_rhos", "lambda_"),
        perfect=_fitted_continuous,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "large, and ratios of any size": {
                "q_tm1": np.array([-1e17, 0.0, 0.0]),
                "r_t": np.array([1e17, 0.0, 0.0]),
                "discount_t": np.array([1.0, 1.0, 0.0]),
                "v_t": np.array([1e17, 0.0, 1e38]),
                "q_t": np.array([1e17, 1e17, 1e17]),
                "log_rhos": np.array([np.inf, -np.inf, 1e30]),
            }
        },
        exempt=TRAJECTORY,
    ),
]
