"""Cases of `jaxloss.reinforcement.policies.regrets`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import DIFFERENCE, stopped


def draw_policy_and_values(rng, batch, actions=4):
    return {name: 2 * rng.normal(size=(*batch, actions)) for name in ("logits_t", "q_t")}


def _parts(logits_t, q_t):
    """The policy, and the positive part of the values less that of the policy."""
    probs = scipy.special.softmax(logits_t, axis=-1)
    return probs, np.maximum(q_t - np.einsum("...a,...a->...", probs, q_t)[..., None], 0)


def _regret_matching(logits_t, q_t):
    probs, regrets = _parts(logits_t, q_t)
    return -np.sum(probs * regrets, axis=-1)


def _regret_matching_slopes(logits_t, q_t):
    """The gradient of the probabilities, by their Jacobian, times the regrets."""
    probs, regrets = _parts(logits_t, q_t)
    jacobian = np.einsum("...a,ab->...ab", probs, np.eye(probs.shape[-1])) - np.einsum("...a,...b->...ab", probs, probs)
    return {"logits_t": -np.einsum("...ab,...a->...b", jacobian, regrets)}


def _indifferent(rng, batch):
    """All actions are worth the same."""
    some = draw_policy_and_values(rng, batch)
    return {**some, "q_t": np.repeat(rng.normal(size=(*batch, 1)), 4, axis=-1)}


COMMON = {
    "draw": draw_policy_and_values,
    "structures": {f"{n} actions": lambda rng, batch, n=n: draw_policy_and_values(rng, batch, n) for n in (1, 2)},
    **stopped("q_t"),
    "perfect": _indifferent,
    "cancels": DIFFERENCE,
    "extremes": {
        "forbidden, certain and large": {
            "logits_t": np.array([[-np.inf, 0.0, 0.0], [1e4, -1e4, 0.0], [0.0, -1e30, 1.0]]),
            "q_t": np.array([[1e30, -1e30, 1e30], [1.0, 1.0, -3.0], [0.0, 1e38, 0.0]]),
        }
    },
    "translates": (("logits_t",), ("q_t",)),
}

CASES = [
    Case(
        fn=jaxloss.regret_pg_loss,
        oracle=lambda logits_t, q_t: np.sum(_parts(logits_t, q_t)[1], axis=-1),
        source="the regret policy gradient of Srinivasan et al. (2018), over scipy.special.softmax",
        **COMMON,
    ),
    Case(
        fn=jaxloss.regret_matching_pg_loss,
        oracle=_regret_matching,
        slopes=_regret_matching_slopes,
        source="the regret matching policy gradient of Srinivasan et al. (2018), over scipy.special.softmax",
        bound=None,
        exempt={"derivatives": "the regrets depend on the policy and pass no gradient, by definition"},
        **COMMON,
    ),
]
