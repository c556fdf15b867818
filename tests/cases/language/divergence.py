"""Cases of `jaxloss.language.policies.divergence`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape


def _agreeing(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair("log_probs", "reference_log_probs")(rng, batch)


def _two(log_probs, reference_log_probs) -> Inputs:
    return {"log_probs": np.array(log_probs), "reference_log_probs": np.array(reference_log_probs)}


CASES = [
    Case(
        fn=jaxloss.kl_estimate_k1,
        draw=draws.pair("log_probs", "reference_log_probs"),
        oracle=lambda log_probs, reference_log_probs: np.log(np.exp(log_probs) / np.exp(reference_log_probs)),
        source="logarithm of the ratio",
        bound=None,
        convex=True,
        tolerance=1e-11,
        extremes={"far": _two([-1e30, 0.0], [0.0, -1e30])},
        translates=(("log_probs", "reference_log_probs"),),
    ),
    Case(
        fn=jaxloss.kl_estimate_k2,
        draw=draws.pair("log_probs", "reference_log_probs"),
        oracle=lambda log_probs, reference_log_probs: np.log(np.exp(log_probs) / np.exp(reference_log_probs)) ** 2 / 2,
        source="logarithm of the ratio",
        perfect=_agreeing,
        convex=True,
        tolerance=1e-11,
        extremes={"far": _two([-1e18, 0.0], [0.0, -1e18])},
        translates=(("log_probs", "reference_log_probs"),),
    ),
    Case(
        fn=jaxloss.kl_estimate_k3,
        draw=draws.pair("log_probs", "reference_log_probs"),
        oracle=lambda log_probs, reference_log_probs: (
            (scipy.special.exprel(reference_log_probs - log_probs) - 1) * (reference_log_probs - log_probs)
        ),
        source="scipy.special.exprel",
        perfect=_agreeing,
        convex=True,
        tolerance=1e-10,
        extremes={"near": _two([-1.0], [-1.0 - 1e-7]), "far": _two([0.0, -80.0], [-1e30, 0.0])},
        translates=(("log_probs", "reference_log_probs"),),
    ),
]
