"""Cases of `jaxloss.probabilistic.evidential`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.probabilistic._shared import SIGNED, edge, positive


def _evidential(rng, batch):
    return {
        "gamma": rng.normal(size=batch),
        "nu": positive(rng, batch),
        "alpha": 1 + positive(rng, batch),
        "beta": positive(rng, batch),
        "targets": rng.normal(size=batch),
    }


def _evidential_loss(gamma, nu, alpha, beta, targets, evidence_weight=0.01):
    omega = 2 * beta * (1 + nu)
    nll = (
        0.5 * np.log(np.pi / nu)
        - alpha * np.log(omega)
        + (alpha + 0.5) * np.log((targets - gamma) ** 2 * nu + omega)
        + scipy.special.gammaln(alpha)
        - scipy.special.gammaln(alpha + 0.5)
    )
    return nll + evidence_weight * np.abs(targets - gamma) * (2 * nu + alpha)


CASES = [
    Case(
        fn=jaxloss.evidential_regression_loss,
        draw=_evidential,
        oracle=_evidential_loss,
        source="Amini et al. (2020), equations 8 to 10",
        hypers={"evidence_weight": 0.5},
        bad_hypers=({"evidence_weight": -1.0},),
        bound=None,
        cancels=SIGNED,
        extremes={
            "any evidence": edge(
                gamma=[0, 0, 1e6], nu=[1e-15, 1e15, 1], alpha=[1, 1e15, 2], beta=[1e-15, 1e15, 1], targets=[0, 1, -1e6]
            )
        },
        illegal={"nu": (0.0, -1.0), "alpha": (0.0, -1.0), "beta": (0.0, -1.0)},
        ends=({"evidence_weight": 0.0},),
        translates=(("gamma", "targets"),),
    ),
]
