"""Cases of `jaxloss.reinforcement.policies.maximum_a_posteriori`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import DIFFERENCE, stopped


def _best(adv, top_fraction):
    """The mass of each entry of the best fraction: whole ones first, and the rest from the last."""
    size = adv.shape[-1]
    rank = np.argsort(np.argsort(-adv, axis=-1), axis=-1)
    return np.clip(top_fraction * size - rank, 0, 1)


def _policy(log_probs_t, adv_t, temperature, top_fraction=1.0):
    factors = _best(adv_t, top_fraction) * np.exp(adv_t / temperature)
    return -np.sum(factors * log_probs_t, axis=-1) / np.sum(factors, axis=-1)


def _temperature(temperature, adv_t, kl_bound=0.1, top_fraction=1.0):
    mass = _best(adv_t, top_fraction)
    mean = np.sum(mass * np.exp(adv_t / temperature), axis=-1) / np.sum(mass, axis=-1)
    return temperature * kl_bound + temperature * np.log(mean)


def _kl(kl_divergences, multiplier, kl_bound):
    return np.broadcast_to(np.sum(multiplier) * kl_bound, kl_divergences.shape[:-1])


FRACTION = ({"top_fraction": 0.0}, {"top_fraction": 1.1})

CASES = [
    Case(
        fn=jaxloss.mpo_policy_loss,
        draw=lambda rng, batch: {"log_probs_t": 2 * rng.normal(size=batch), "adv_t": rng.normal(size=batch)},
        oracle=_policy,
        source="Song et al. (2020), equation 4, with numpy.exp",
        hypers={"temperature": 0.5, "top_fraction": 0.6},
        ends=({"temperature": 0.5, "top_fraction": 1.0},),
        bad_hypers=({"temperature": 0.0}, *({"temperature": 0.5, **bad} for bad in FRACTION)),
        pooled=True,
        **stopped("adv_t", "temperature", "top_fraction"),
        bound=None,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "far apart": {"log_probs_t": np.array([-1e30, 0.0, -1.0]), "adv_t": np.array([1e30, -1e30, 0.0])},
            "equal": {"log_probs_t": np.array([-1.0, 1.0]), "adv_t": np.array([1e30, 1e30])},
        },
        translates=(("adv_t",),),
    ),
    Case(
        fn=jaxloss.mpo_temperature_loss,
        draw=lambda rng, batch: {"temperature": np.array(0.7), "adv_t": rng.normal(size=batch)},
        oracle=_temperature,
        source="Song et al. (2020), equation 5, with numpy.exp",
        hypers={"kl_bound": 0.25, "top_fraction": 0.6},
        ends=({"kl_bound": 0.25, "top_fraction": 1.0},),
        bad_hypers=({"kl_bound": 0.0}, *FRACTION),
        pooled=True,
        shared=("temperature",),
        **stopped("adv_t", "top_fraction"),
        illegal={"temperature": (0.0, -1.0)},
        bound=None,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "cold": {"temperature": np.array(1e-30), "adv_t": np.array([1e30, -1e30, 0.0])},
            "hot": {"temperature": np.array(1e30), "adv_t": np.array([1.0, -1.0, 0.0])},
            "equal": {"temperature": np.array(1.0), "adv_t": np.array([1e30, 1e30])},
        },
    ),
    Case(
        fn=jaxloss.mpo_kl_loss,
        draw=lambda rng, batch: {
            "kl_divergences": rng.gamma(2.0, size=(*batch, 3)),
            "multiplier": np.array([0.5, 2.0, 1.5]),
        },
        oracle=_kl,
        source="rlax's kl_constraint_loss, whose two terms sum to the bound times the multiplier",
        slopes=lambda kl_divergences, multiplier, kl_bound: {
            "kl_divergences": np.broadcast_to(multiplier, kl_divergences.shape),
            "multiplier": np.sum((kl_bound - kl_divergences).reshape(-1, 3), axis=0),
        },
        hypers={"kl_bound": 0.25},
        bad_hypers=({"kl_bound": 0.0},),
        shared=("multiplier",),
        illegal={"multiplier": (-1.0,)},
        exempt={"derivatives": "two losses in one, each of which sees the other's variable as a constant"},
        cancels=DIFFERENCE,
        extremes={
            "equal policies, and far ones": {
                "kl_divergences": np.array([[0.0, 0.0], [1e30, 0.0]]),
                "multiplier": np.array([0.0, 1e8]),
            }
        },
    ),
]
