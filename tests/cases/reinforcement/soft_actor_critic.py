"""Cases of `jaxloss.reinforcement.policies.soft_actor_critic`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import DIFFERENCE, draw_dyadic, draw_rewards, stopped


def _soft_actor(rng, batch, critics=2):
    return {"log_probs_t": 2 * rng.normal(size=batch), "q_t": 2 * rng.normal(size=(*batch, critics))}


def _soft_critic(rng, batch, critics=2, following=3):
    return {
        "q_tm1": 2 * rng.normal(size=(*batch, critics)),
        **draw_rewards(rng, batch),
        "q_t": 2 * rng.normal(size=(*batch, following)),
        "log_probs_t": 2 * rng.normal(size=batch),
    }


def _soft_critic_perfect(rng, batch):
    rewards, v = draw_dyadic(rng, batch)
    log_probs = rng.integers(-8, 8, size=batch) / 4
    aim = rewards["r_t"] + 0.5 * (v - 0.25 * log_probs)
    q_t = v[..., None] + np.array([2.0, 0.0, 1.0])
    return {"q_tm1": np.repeat(aim[..., None], 2, -1), **rewards, "q_t": q_t, "log_probs_t": log_probs}


def _soft_critic_loss(q_tm1, r_t, discount_t, q_t, log_probs_t, temperature):
    aim = r_t + discount_t * (q_t.min(-1) - temperature * log_probs_t)
    return sum((q_tm1[..., i] - aim) ** 2 for i in range(q_tm1.shape[-1])) / 2


CASES = [
    Case(
        fn=jaxloss.sac_actor_loss,
        draw=_soft_actor,
        structures={f"{n} critics": lambda rng, batch, n=n: _soft_actor(rng, batch, n) for n in (1, 3)},
        oracle=lambda log_probs_t, q_t, temperature: temperature * log_probs_t - np.sort(q_t, -1)[..., 0],
        source="Haarnoja et al. (2018), equation 9, with the smallest critic",
        hypers={"temperature": 0.3},
        **stopped("temperature"),
        ends=({"temperature": 0.0},),
        bad_hypers=({"temperature": -0.1},),
        bound=None,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"equal critics": {"log_probs_t": np.array([-1e30, 0.0]), "q_t": np.array([[1e30, 1e30], [0, 0]])}},
    ),
    Case(
        fn=jaxloss.sac_critic_loss,
        draw=_soft_critic,
        structures={f"{n} critics": lambda rng, batch, n=n: _soft_critic(rng, batch, n, n) for n in (1, 3)},
        oracle=_soft_critic_loss,
        source="Haarnoja et al. (2018), equations 5 and 6",
        hypers={"temperature": 0.25},
        ends=({"temperature": 0.0},),
        bad_hypers=({"temperature": -0.1},),
        **stopped("r_t", "discount_t", "q_t", "log_probs_t", "temperature"),
        perfect=_soft_critic_perfect,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "large": {
                "q_tm1": np.array([[1e18, -1e18]]),
                "r_t": np.array([1e18]),
                "discount_t": np.array([1.0]),
                "q_t": np.array([[1e18, 0.0]]),
                "log_probs_t": np.array([-1e18]),
            }
        },
        translates=(("q_tm1", "r_t"),),
    ),
    Case(
        fn=jaxloss.sac_temperature_loss,
        draw=lambda rng, batch: {"log_temperature": np.array(-0.7), "log_probs_t": 2 * rng.normal(size=batch)},
        oracle=lambda log_temperature, log_probs_t, target_entropy: (
            -np.exp(log_temperature) * (log_probs_t + target_entropy)
        ),
        source="Haarnoja et al. (2018), equation 18",
        hypers={"target_entropy": -3.0},
        shared=("log_temperature",),
        **stopped("log_probs_t", "target_entropy"),
        bound=None,
        cancels=DIFFERENCE,
        extremes={"cold and hot": {"log_temperature": np.array(-200.0), "log_probs_t": np.array([1e30, -1e30])}},
    ),
]
