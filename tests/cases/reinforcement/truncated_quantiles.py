"""Cases of `jaxloss.reinforcement.values.truncated_quantiles`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import draw_dyadic, draw_rewards, for_each, stopped


def draw_critics(rng, batch, critics=2, quantiles=3, targets=3, following=4):
    return {
        "dist_q_tm1": 2 * rng.normal(size=(*batch, critics, quantiles)),
        **draw_rewards(rng, batch),
        "dist_q_t": 2 * rng.normal(size=(*batch, targets, following)),
        "log_probs_t": 2 * rng.normal(size=batch),
    }


def _perfect(rng, batch):
    """The kept quantiles of the target are equal, what is dropped is above them."""
    rewards, v = draw_dyadic(rng, batch)
    log_probs = rng.integers(-8, 8, size=batch) / 4
    aim = rewards["r_t"] + 0.5 * (v - 0.25 * log_probs)
    dist_q_t = v[..., None, None] + np.array([0.0, 1.0, 0.0, 2.0])[:, None].reshape(2, 2)[::-1]
    return {
        "dist_q_tm1": np.broadcast_to(aim[..., None, None], (*batch, 2, 3)).copy(),
        **rewards,
        "dist_q_t": np.sort(dist_q_t, axis=-1),
        "log_probs_t": log_probs,
    }


def _row(q, r, discount, following, log_prob, temperature, num_dropped, kappa):
    kept = sorted(following.ravel())[: following.size - num_dropped * len(following)]
    total = 0.0
    for critic in q:
        for m, prediction in enumerate(critic):
            for z in kept:
                u = r + discount * (z - temperature * log_prob) - prediction
                huber = u**2 / 2 / kappa if abs(u) <= kappa else abs(u) - kappa / 2
                total += abs((m + 0.5) / len(critic) - (u < 0)) * huber / len(critic) / len(kept)
    return total


def _loss(dist_q_tm1, r_t, discount_t, dist_q_t, log_probs_t, temperature, num_dropped=2, huber_param=1.0):
    rows = lambda *row: _row(*row, temperature, num_dropped, huber_param)
    return for_each(rows, (dist_q_tm1, 2), (r_t, 0), (discount_t, 0), (dist_q_t, 2), (log_probs_t, 0))


OFF_DEFAULT = {"temperature": 0.25, "num_dropped": 1, "huber_param": 0.5}

CASES = [
    Case(
        fn=jaxloss.truncated_quantile_critics_loss,
        draw=draw_critics,
        structures={
            "one critic, one quantile": lambda rng, batch: draw_critics(rng, batch, 1, 1, 1, 2),
            "all equal": lambda rng, batch: draw_critics(rng, batch, 3, 3, 3, 3),
        },
        oracle=_loss,
        source="the loss of a critic of Kuznetsov et al. (2020), as loops, summed over critics",
        hypers=OFF_DEFAULT,
        static=("num_dropped",),
        ends=(
            {**OFF_DEFAULT, "temperature": 0.0},
            {**OFF_DEFAULT, "num_dropped": 0},
            {**OFF_DEFAULT, "huber_param": 0.0},
        ),
        bad_hypers=({"temperature": -0.1}, {"num_dropped": -1}, {"num_dropped": 4}, {"huber_param": -1.0}),
        **stopped("r_t", "discount_t", "dist_q_t", "log_probs_t", "temperature"),
        perfect=_perfect,
        convex=True,
        extremes={
            "large, and all there is of a target": {
                "dist_q_tm1": np.array([[[1e18, -1e18]]]),
                "r_t": np.array([-1e18]),
                "discount_t": np.array([1.0]),
                "dist_q_t": np.array([[[1e18, 0.0, 1e30]]]),
                "log_probs_t": np.array([-1e18]),
            }
        },
        translates=(("dist_q_tm1", "r_t"),),
    ),
]
