"""Cases of `jaxloss.reinforcement`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case

HELPERS = {
    "double_q_learning_error": "an error with a sign, of which the loss is a function",
    "expected_sarsa_error": "an error with a sign, of which the loss is a function",
    "generalized_advantage_estimation": "advantages for policy losses, with a sign",
    "lambda_returns": "targets for values, one per step",
    "n_step_bootstrapped_returns": "targets for values, one per step",
    "q_learning_error": "an error with a sign, of which the loss is a function",
    "sarsa_error": "an error with a sign, of which the loss is a function",
    "td_error": "an error with a sign, of which the loss is a function",
    "td_lambda_error": "errors with a sign, of which the loss is a function",
}

NO_GRADIENT = "the target is a constant of differentiation; tested by itself"
DIFFERENCE = "the error is a difference of values of any size"
ORDERED = "steps are in order: a copy of a step would make a longer trajectory, a weight only weighs its error"


def _fixed(*names):
    return dict.fromkeys(names, NO_GRADIENT)


def _rewards(rng, batch):
    return {"r_t": rng.normal(size=batch), "discount_t": 0.99 * (rng.uniform(size=batch) < 0.8)}


def _states(rng, batch):
    return {"v_tm1": 2 * rng.normal(size=batch), **_rewards(rng, batch), "v_t": 2 * rng.normal(size=batch)}


def _dyadic(rng, batch):
    """Numbers whose targets are exact in any floating-point format."""
    r, v = (rng.integers(-8, 8, size=batch) / 4 for _ in range(2))
    return {"r_t": r, "discount_t": np.full(batch, 0.5)}, v


def _states_perfect(rng, batch):
    rewards, v = _dyadic(rng, batch)
    return {"v_tm1": rewards["r_t"] + 0.5 * v, **rewards, "v_t": v}


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


def _actions(*following):
    def draw(rng, batch):
        some = {
            "q_tm1": 2 * rng.normal(size=(*batch, 4)),
            "a_tm1": rng.integers(0, 4, size=batch).astype(np.int32),
            **_rewards(rng, batch),
        }
        for name in following:
            if name == "a_t":
                some[name] = rng.integers(0, 4, size=batch).astype(np.int32)
            elif name == "probs_a_t":
                raw = rng.gamma(1.0, size=(*batch, 4))
                some[name] = raw / raw.sum(-1, keepdims=True)
            else:
                some[name] = 2 * rng.normal(size=(*batch, 4))
        return some

    return draw


def _actions_perfect(*following):
    """All next values are equal, and the value of the action is its target."""

    def draw(rng, batch):
        rewards, v = _dyadic(rng, batch)
        some = _actions(*following)(rng, batch)
        for name in following:
            if name.startswith("q_t"):
                some[name] = np.repeat(v[..., None], 4, axis=-1)
            if name == "probs_a_t":
                some[name] = np.full((*batch, 4), 0.25)
        q = np.round(some["q_tm1"])
        np.put_along_axis(q, some["a_tm1"][..., None], (rewards["r_t"] + 0.5 * v)[..., None], -1)
        return {**some, **rewards, "q_tm1": q}

    return draw


def _pick(q, a):
    return np.vectorize(lambda row, i: row[i], signature="(n),()->()")(q, a)


def _half_square(q_tm1, a_tm1, r_t, discount_t, value):
    return (r_t + discount_t * value - _pick(q_tm1, a_tm1)) ** 2 / 2


LARGE = {"r_t": np.array([1e18, 0.0]), "discount_t": np.array([1.0, 0.0])}
LARGE_Q = {"q_tm1": np.array([[1e18, 0.0], [0.0, 0.0]]), "a_tm1": np.array([0, 1], np.int32), **LARGE}
NEXT_Q = np.array([[-np.inf, 1e18], [0.0, 0.0]])

CASES = [
    Case(
        fn=jaxloss.td_loss,
        draw=_states,
        oracle=lambda v_tm1, r_t, discount_t, v_t: (r_t + discount_t * v_t - v_tm1) ** 2 / 2,
        source="Sutton (1988)",
        fixed=_fixed("r_t", "discount_t", "v_t"),
        perfect=_states_perfect,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"large": {"v_tm1": np.array([-1e18, 0.0]), **LARGE, "v_t": np.array([1e18, 1e38])}},
    ),
    Case(
        fn=jaxloss.td_lambda_loss,
        draw=_states,
        oracle=_lambda_loss,
        source="Sutton and Barto, equation 12.2, as a loop back in time",
        hypers={"lambda_": 0.7},
        pooled=True,
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}),
        fixed=_fixed("r_t", "discount_t", "v_t"),
        perfect=_ends,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"large": {"v_tm1": np.array([-1e17, 0.0]), **LARGE, "v_t": np.array([1e18, 1e38])}},
        exempt={"weight_is_repetition": ORDERED},
    ),
    Case(
        fn=jaxloss.q_learning_loss,
        draw=_actions("q_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t: _half_square(q_tm1, a_tm1, r_t, discount_t, q_t.max(-1)),
        source="Watkins and Dayan (1992)",
        fixed=_fixed("r_t", "discount_t", "q_t"),
        perfect=_actions_perfect("q_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t": NEXT_Q}},
    ),
    Case(
        fn=jaxloss.double_q_learning_loss,
        draw=_actions("q_t_value", "q_t_selector"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector: _half_square(
            q_tm1, a_tm1, r_t, discount_t, _pick(q_t_value, q_t_selector.argmax(-1))
        ),
        source="van Hasselt, Guez and Silver (2016)",
        fixed=_fixed("r_t", "discount_t", "q_t_value", "q_t_selector"),
        perfect=_actions_perfect("q_t_value", "q_t_selector"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t_value": NEXT_Q, "q_t_selector": NEXT_Q}},
    ),
    Case(
        fn=jaxloss.sarsa_loss,
        draw=_actions("q_t", "a_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t, a_t: _half_square(
            q_tm1, a_tm1, r_t, discount_t, _pick(q_t, a_t)
        ),
        source="Rummery and Niranjan (1994)",
        fixed=_fixed("r_t", "discount_t", "q_t"),
        perfect=_actions_perfect("q_t", "a_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large": {**LARGE_Q, "q_t": NEXT_Q, "a_t": np.array([1, 0], np.int32)}},
    ),
    Case(
        fn=jaxloss.expected_sarsa_loss,
        draw=_actions("q_t", "probs_a_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t, probs_a_t: _half_square(
            q_tm1, a_tm1, r_t, discount_t, np.einsum("...a,...a->...", q_t, probs_a_t)
        ),
        source="van Seijen et al. (2009)",
        fixed=_fixed("r_t", "discount_t", "q_t", "probs_a_t"),
        perfect=_actions_perfect("q_t", "probs_a_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large": {**LARGE_Q, "q_t": NEXT_Q, "probs_a_t": np.array([[0.0, 1.0], [0.5, 0.5]])}},
    ),
]
