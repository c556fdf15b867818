"""Cases of the evidence bounds."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.generative._shared import HUGE, SIGNED
from tests.draws import Draw


def _bound_terms(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"reconstruction_nlls": 3 * rng.normal(size=batch), "kl_divergences": rng.gamma(2.0, size=batch)}


def _samples(count: int) -> Draw:
    return lambda rng, batch: {"log_importance_weights": 3 * rng.normal(size=(*batch, count))}


CASES = [
    Case(
        fn=jaxloss.elbo_loss,
        draw=_bound_terms,
        oracle=lambda reconstruction_nlls, kl_divergences, beta=1.0: reconstruction_nlls + beta * kl_divergences,
        source="formula",
        hypers={"beta": 4.0},
        bad_hypers=({"beta": -1.0},),
        ends=({"beta": 0.0},),
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={"large": {"reconstruction_nlls": np.array([HUGE, 0.0]), "kl_divergences": np.array([0.0, HUGE])}},
    ),
    Case(
        fn=jaxloss.capacity_elbo_loss,
        draw=_bound_terms,
        oracle=lambda reconstruction_nlls, kl_divergences, capacity, gamma=1000.0: (
            reconstruction_nlls + gamma * np.abs(kl_divergences - capacity)
        ),
        source="Burgess et al. (2018), equation 8",
        hypers={"capacity": 1.5, "gamma": 2.0},
        bad_hypers=({"capacity": -1.0}, {"gamma": -1.0}),
        ends=({"capacity": 0.0, "gamma": 2.0}, {"capacity": 1.5, "gamma": 0.0}),
        bound=None,
        convex=True,
        cancels=SIGNED,
        extremes={"large": {"reconstruction_nlls": np.array([HUGE, 0.0]), "kl_divergences": np.array([1.5, HUGE])}},
    ),
    Case(
        fn=jaxloss.iwae_loss,
        draw=_samples(4),
        oracle=lambda log_importance_weights: -np.log(np.average(np.exp(log_importance_weights), axis=-1)),
        source="Burda et al. (2016), equation 8",
        bound=None,
        structures={"one sample": _samples(1), "two samples": _samples(2)},
        cancels=SIGNED,
        extremes={
            "unlikely": {"log_importance_weights": np.array([[-1e5, -1e5, -2e5], [-1e30, 0.0, 80.0]])},
            "likely": {"log_importance_weights": np.array([[1e5, -1e5, 0.0]])},
            "weights of 0": {"log_importance_weights": np.array([[-np.inf, 1.0, -np.inf]])},
        },
    ),
]
