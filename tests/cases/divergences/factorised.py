"""Cases of the Kullback-Leibler divergences of independent Bernoulli, Laplace and Poisson variables."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _latents(*names: str, size: int = 4) -> Draw:
    return lambda rng, batch: {n: rng.normal(size=(*batch, size)) for n in names}


def _equal_latents(*names: str) -> Draw:
    """The first half of the parameters, and the second half equal to it."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        values = [rng.normal(size=(*batch, 4)) for _ in names[: len(names) // 2]]
        return {n: v.copy() for n, v in zip(names, values + values, strict=True)}

    return draw


def _bernoulli_kl(logits_p, logits_q):
    p, q = scipy.special.expit(logits_p), scipy.special.expit(logits_q)
    return (scipy.special.rel_entr(p, q) + scipy.special.rel_entr(1 - p, 1 - q)).sum(-1)


def _laplace_kl(locations_p, log_scales_p, locations_q, log_scales_q):
    p, q, distance = np.exp(log_scales_p), np.exp(log_scales_q), np.abs(locations_p - locations_q)
    return (np.log(q / p) + (p * np.exp(-distance / p) + distance) / q - 1).sum(-1)


LAPLACE = ("locations_p", "log_scales_p", "locations_q", "log_scales_q")


CASES = [
    Case(
        fn=jaxloss.bernoulli_kl,
        draw=_latents("logits_p", "logits_q"),
        oracle=_bernoulli_kl,
        source="scipy.special.rel_entr and expit",
        perfect=_equal_latents("logits_p", "logits_q"),
        structures={"one latent": _latents("logits_p", "logits_q", size=1)},
        cancels="log-probabilities are rounded before they meet, and near equality their difference is small",
        extremes={"sure": {"logits_p": np.array([[1e4, -1e4, 0.0]]), "logits_q": np.array([[-1e4, -1e4, 1e4]])}},
    ),
    Case(
        fn=jaxloss.laplace_kl,
        draw=_latents(*LAPLACE),
        oracle=_laplace_kl,
        source="formula with scales",
        tolerance=1e-11,
        perfect=_equal_latents(*LAPLACE),
        structures={"one latent": _latents(*LAPLACE, size=1)},
        convex=True,
        extremes={
            "narrow": dict(zip(LAPLACE, (np.ones((1, 2)), np.full((1, 2), -300.0)) * 2, strict=True)),
            "a point": dict(zip(LAPLACE, np.array([[[1.0]], [[-300.0]], [[0.0]], [[0.0]]]), strict=True)),
            "wide": dict(zip(LAPLACE, np.array([[[1e18]], [[80.0]], [[0.0]], [[0.0]]]), strict=True)),
        },
        translates=(("locations_p", "locations_q"),),
    ),
    Case(
        fn=jaxloss.poisson_kl,
        draw=_latents("log_rates_p", "log_rates_q"),
        oracle=lambda log_rates_p, log_rates_q: scipy.special.kl_div(np.exp(log_rates_p), np.exp(log_rates_q)).sum(-1),
        source="scipy.special.kl_div",
        perfect=_equal_latents("log_rates_p", "log_rates_q"),
        structures={"one latent": _latents("log_rates_p", "log_rates_q", size=1)},
        extremes={
            "any rate": {
                "log_rates_p": np.array([[-np.inf, -80.0, 80.0, 0.0]]),
                "log_rates_q": np.array([[-np.inf, 80.0, -80.0, 1e-30]]),
            },
            "rates that overflow": {
                "log_rates_p": np.array([[95.0, 200.0, 1e4]]),
                "log_rates_q": np.array([[95.0, 200.0, 1e4]]),
            },
        },
    ),
]
