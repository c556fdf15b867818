"""Cases of `jaxloss.reinforcement.policies.policy_gradients`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import pick, stopped


def _policy(rng, batch, actions=4):
    return {
        "logits_t": 2 * rng.normal(size=(*batch, actions)),
        "a_t": rng.integers(0, actions, size=batch).astype(np.int32),
        "adv_t": rng.normal(size=batch),
    }


def _policy_loss(logits_t, a_t, adv_t):
    return -adv_t * pick(scipy.special.log_softmax(logits_t, axis=-1), a_t)


def _ratios(rng, batch):
    return {"prob_ratios_t": np.exp(0.4 * rng.normal(size=batch)), "adv_t": rng.normal(size=batch)}


def _clipped(prob_ratios_t, adv_t, clip=0.2):
    return -np.minimum(prob_ratios_t * adv_t, np.clip(prob_ratios_t, 1 - clip, 1 + clip) * adv_t)


CASES = [
    Case(
        fn=jaxloss.policy_gradient_loss,
        draw=_policy,
        structures={f"{n} actions": lambda rng, batch, n=n: _policy(rng, batch, n) for n in (1, 2)},
        oracle=_policy_loss,
        source="scipy.special.log_softmax",
        **stopped("adv_t"),
        bound=None,
        labels="a_t",
        extremes={
            "certain": {
                "logits_t": np.array([[1e4, -1e4], [-np.inf, 0.0]]),
                "a_t": np.array([1, 1], np.int32),
                "adv_t": np.array([1e4, -1e30]),
            }
        },
        translates=(("logits_t",),),
    ),
    Case(
        fn=jaxloss.reinforce_loss,
        draw=lambda rng, batch: {"log_probs_t": 2 * rng.normal(size=batch), "adv_t": rng.normal(size=batch)},
        oracle=lambda log_probs_t, adv_t: -log_probs_t * adv_t,
        source="Williams (1992)",
        **stopped("adv_t"),
        bound=None,
        convex=True,
        extremes={"large": {"log_probs_t": np.array([-1e18, 0.0]), "adv_t": np.array([1e18, -1e38])}},
    ),
    Case(
        fn=jaxloss.clipped_surrogate_pg_loss,
        draw=_ratios,
        oracle=_clipped,
        source="Schulman et al. (2017), equation 7",
        hypers={"clip": 0.3},
        ends=({"clip": 0.0},),
        illegal={"prob_ratios_t": (-0.5,)},
        bad_hypers=({"clip": -0.1},),
        **stopped("adv_t"),
        bound=None,
        convex=True,
        extremes={
            "any ratio": {
                "prob_ratios_t": np.array([0.0, 0.0, 1.0, np.inf, np.inf, 1e30]),
                "adv_t": np.array([1.0, -1.0, 0.0, 1.0, 0.0, -1.0]),
            }
        },
    ),
    Case(
        fn=jaxloss.advantage_weighted_loss,
        draw=lambda rng, batch: {"log_probs_t": 2 * rng.normal(size=batch), "adv_t": rng.normal(size=batch)},
        oracle=lambda log_probs_t, adv_t, temperature=1.0, max_weight=100.0: (
            -np.clip(np.exp(adv_t / temperature), None, max_weight) * log_probs_t
        ),
        source="Kostrikov, Nair and Levine (2022), equation 7, with a limit",
        hypers={"temperature": 0.5, "max_weight": 3.0},
        bad_hypers=({"temperature": 0.0}, {"max_weight": 0.0}),
        **stopped("adv_t", "temperature", "max_weight"),
        bound=None,
        convex=True,
        extremes={"any advantage": {"log_probs_t": np.array([-1e30, -1.0]), "adv_t": np.array([1e30, -1e30])}},
    ),
]
