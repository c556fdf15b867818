"""Cases of `jaxloss.divergences.variational_bounds`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case

COPIES = {
    "large": {"joint_scores": np.array([1e30, -1e30, 0.0]), "marginal_scores": np.array([-1e30, 1e30, 1e30])},
    "equal": {"joint_scores": np.zeros(3), "marginal_scores": np.zeros(3)},
}

CASES = [
    Case(
        fn=jaxloss.donsker_varadhan_loss,
        draw=draws.pair("joint_scores", "marginal_scores"),
        oracle=lambda joint_scores, marginal_scores: (
            scipy.special.logsumexp(marginal_scores, -1, b=1 / marginal_scores.shape[-1]) - np.mean(joint_scores, -1)
        ),
        source="Belghazi et al. (2018), with scipy.special.logsumexp",
        pooled=True,
        bound=None,
        cancels="it is the difference of a soft maximum and a mean",
        convex=True,
        extremes=COPIES,
        translates=(("joint_scores", "marginal_scores"),),
    ),
    Case(
        fn=jaxloss.nwj_loss,
        draw=draws.pair("joint_scores", "marginal_scores"),
        oracle=lambda joint_scores, marginal_scores: np.exp(marginal_scores) / np.e - joint_scores,
        source="Nguyen, Wainwright and Jordan (2010)",
        bound=None,
        cancels="it is the difference of an exponential and a score",
        convex=True,
        extremes={
            "large": {"joint_scores": np.array([1e30, -1e30]), "marginal_scores": np.array([-1e30, 80.0])},
            "the best of equal densities": {"joint_scores": np.ones(3), "marginal_scores": np.ones(3)},
        },
    ),
]
