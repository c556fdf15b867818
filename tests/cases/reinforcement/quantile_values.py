"""Cases of `jaxloss.reinforcement.values.quantile_values`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.reinforcement._shared import draw_rewards, for_each, stopped


def draw_quantiles(rng, batch, quantiles=3, selecting=2, following=5, actions=4):
    return {
        "dist_q_tm1": rng.normal(size=(*batch, quantiles, actions)),
        "tau_q_tm1": rng.uniform(0.1, 0.9, size=(*batch, quantiles)),
        "a_tm1": rng.integers(0, actions, size=batch).astype(np.int32),
        **draw_rewards(rng, batch),
        "dist_q_t_selector": rng.normal(size=(*batch, selecting, actions)),
        "dist_q_t": 2 * rng.normal(size=(*batch, following, actions)),
    }


def _quantiles_perfect(rng, batch):
    """The episode ends, and all quantiles equal the reward."""
    some = draw_quantiles(rng, batch)
    r = some["r_t"].astype(np.float32).astype(float)
    dist = np.broadcast_to(r[..., None, None], some["dist_q_tm1"].shape).copy()
    return {**some, "dist_q_tm1": dist, "r_t": r, "discount_t": np.zeros(batch)}


def _quantile_rows(q, tau, a, r, discount, selector, following, kappa):
    samples = r + discount * following[:, selector.mean(0).argmax()]
    total = 0.0
    for i, level in enumerate(tau):
        for y in samples:
            u = y - q[i, a]
            huber = u**2 / 2 / kappa if abs(u) <= kappa else abs(u) - kappa / 2
            total += abs(level - (u < 0)) * huber / len(samples)
    return total


def _quantile_loss(dist_q_tm1, tau_q_tm1, a_tm1, r_t, discount_t, dist_q_t_selector, dist_q_t, huber_param=1.0):
    rows = lambda *row: _quantile_rows(*row, huber_param)
    inputs = (dist_q_tm1, 2), (tau_q_tm1, 1), (a_tm1, 0), (r_t, 0), (discount_t, 0), (dist_q_t_selector, 2)
    return for_each(rows, *inputs, (dist_q_t, 2))


def draw_mixtures(rng, batch, quantiles=3, following=5, actions=4):
    some = draw_quantiles(rng, batch, quantiles, 1, following, actions)
    some.pop("dist_q_t_selector")
    raw = rng.gamma(1.0, size=(*batch, actions))
    return {**some, "probs_a_t": raw / raw.sum(-1, keepdims=True)}


def _mixtures_perfect(rng, batch):
    some = _quantiles_perfect(rng, batch)
    some.pop("dist_q_t_selector")
    return {**some, "probs_a_t": np.full((*batch, 4), 0.25)}


def _mixture_loss(dist_q_tm1, tau_q_tm1, a_tm1, r_t, discount_t, dist_q_t, probs_a_t, huber_param=1.0):
    """The mean of the losses against the next actions one by one, under the policy."""
    total = 0.0
    for a in range(dist_q_t.shape[-1]):
        only = dist_q_t[..., a : a + 1]
        rows = lambda q, tau, i, r, g, z: _quantile_rows(q, tau, i, r, g, z, z, huber_param)
        inputs = (dist_q_tm1, 2), (tau_q_tm1, 1), (a_tm1, 0), (r_t, 0), (discount_t, 0), (only, 2)
        total = total + probs_a_t[..., a] * for_each(rows, *inputs)
    return total


STOPPED = stopped("r_t", "discount_t", "dist_q_t_selector", "dist_q_t")
MIXED = stopped("r_t", "discount_t", "dist_q_t", "probs_a_t")
LEVELS = {"tau_q_tm1": "levels are chosen, not learnt; their slope is that of the value"}

CASES = [
    Case(
        fn=jaxloss.quantile_q_learning_loss,
        draw=draw_quantiles,
        structures={
            "one of each": lambda rng, batch: draw_quantiles(rng, batch, 1, 1, 1, 1),
            "all equal": lambda rng, batch: draw_quantiles(rng, batch, 3, 3, 3, 3),
        },
        oracle=_quantile_loss,
        source="Dabney et al. (2018), algorithm 1, as loops",
        hypers={"huber_param": 0.5},
        ends=({"huber_param": 0.0},),
        illegal={"tau_q_tm1": (-0.1, 1.5)},
        bad_hypers=({"huber_param": -1.0},),
        fixed={**STOPPED["fixed"], **LEVELS},
        constant=STOPPED["constant"],
        perfect=_quantiles_perfect,
        convex=True,
        labels="a_tm1",
        extremes={
            "large": {
                "dist_q_tm1": np.array([[[1e18, 0.0]], [[1.0, 0.0]]]),
                "tau_q_tm1": np.array([[0.5], [1.0]]),
                "a_tm1": np.array([0, 1], np.int32),
                "r_t": np.array([-1e18, 0.0]),
                "discount_t": np.array([1.0, 0.0]),
                "dist_q_t_selector": np.array([[[-1e30, 1e30]], [[0.0, 0.0]]]),
                "dist_q_t": np.array([[[1.0, 1e30]], [[0.0, 0.0]]]),
            }
        },
        translates=(("dist_q_t_selector",), ("dist_q_tm1", "r_t")),
    ),
    Case(
        fn=jaxloss.quantile_expected_sarsa_loss,
        mistakes={"sum to 1": draws.half_of("probs_a_t")},
        draw=draw_mixtures,
        structures={
            "one of each": lambda rng, batch: draw_mixtures(rng, batch, 1, 1, 1),
            "all equal": lambda rng, batch: draw_mixtures(rng, batch, 3, 3, 3),
        },
        oracle=_mixture_loss,
        source="Dabney et al. (2018), algorithm 1, as loops, averaged over the policy",
        hypers={"huber_param": 0.5},
        ends=({"huber_param": 0.0},),
        illegal={"tau_q_tm1": (-0.1, 1.5), "probs_a_t": (-0.1, 1.5)},
        bad_hypers=({"huber_param": -1.0},),
        fixed={**MIXED["fixed"], **LEVELS},
        constant=MIXED["constant"],
        perfect=_mixtures_perfect,
        convex=True,
        labels="a_tm1",
        extremes={
            "large, and an action that is never taken": {
                "dist_q_tm1": np.array([[[1e18, 0.0]], [[1.0, 0.0]]]),
                "tau_q_tm1": np.array([[0.5], [1.0]]),
                "a_tm1": np.array([0, 1], np.int32),
                "r_t": np.array([-1e18, 0.0]),
                "discount_t": np.array([1.0, 1.0]),
                "dist_q_t": np.array([[[1.0, 1e30]], [[0.0, -np.inf]]]),
                "probs_a_t": np.array([[0.5, 0.5], [1.0, 0.0]]),
            }
        },
        translates=(("dist_q_tm1", "r_t"),),
    ),
]
