"""Cases of `jaxloss.divergences.gamma_family`."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, psi

import jaxloss
from tests.cases import Case, Inputs, Shape

GAMMA = ("concentrations_p", "rates_p", "concentrations_q", "rates_q")
DIRICHLET = ("concentrations_p", "concentrations_q")
OUTSIDE = (0.0, -1.0)


def _positive(*names: str, classes: int | None = None):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        shape = batch if classes is None else (*batch, classes)
        return {name: 0.3 + rng.gamma(2.0, size=shape) for name in names}

    return draw


def _equal(*names: str, classes: int | None = None):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        drawn = _positive(*names, classes=classes)(rng, batch)
        half = len(names) // 2
        return {**drawn, **{names[half + i]: drawn[names[i]].copy() for i in range(half)}}

    return draw


def _gamma(concentrations_p, rates_p, concentrations_q, rates_q):
    a, r, b, s = concentrations_p, rates_p, concentrations_q, rates_q
    return (a - b) * psi(a) - gammaln(a) + gammaln(b) + b * np.log(r / s) + a * (s - r) / r


def _dirichlet(concentrations_p, concentrations_q):
    a, b = concentrations_p, concentrations_q
    whole = lambda x: gammaln(np.sum(x, -1)) - np.sum(gammaln(x), -1)
    steps = (a - b) * (psi(a) - psi(np.sum(a, -1, keepdims=True)))
    return whole(a) - whole(b) + np.sum(steps, -1)


CASES = [
    Case(
        fn=jaxloss.dirichlet_kl,
        draw=_positive(*DIRICHLET, classes=4),
        oracle=_dirichlet,
        source="Penny (2001), with scipy.special.gammaln and psi",
        tolerance=1e-10,
        perfect=_equal(*DIRICHLET, classes=4),
        cancels="the divergence of the sums is subtracted",
        ulps=12.0,  # for the same reason
        illegal=dict.fromkeys(DIRICHLET, OUTSIDE),
        structures={"one class": _positive(*DIRICHLET, classes=1), "beta": _positive(*DIRICHLET, classes=2)},
        extremes={
            "wide": {
                "concentrations_p": np.array([[1e-3, 1.0, 1e3], [1e5, 1e5, 1e5]]),
                "concentrations_q": np.array([[1e3, 1.0, 1e-3], [1e5, 1e5, 1.0]]),
            },
        },
    ),
    Case(
        fn=jaxloss.gamma_kl,
        draw=_positive(*GAMMA),
        oracle=_gamma,
        source="Penny (2001), with scipy.special.gammaln and psi",
        tolerance=1e-10,
        perfect=_equal(*GAMMA),
        cancels="the terms of concentrations and of rates have either sign",
        illegal=dict.fromkeys(GAMMA, OUTSIDE),
        extremes={
            "wide": {
                "concentrations_p": np.array([1e-3, 1e3, 1.0, 1e5]),
                "rates_p": np.array([1e-8, 1e8, 1.0, 1.0]),
                "concentrations_q": np.array([1e3, 1e-3, 1.0, 1e5]),
                "rates_q": np.array([1.0, 1.0, 1e-8, 1e8]),
            },
        },
    ),
]
