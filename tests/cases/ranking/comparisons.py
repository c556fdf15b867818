"""Cases of `jaxloss.ranking.comparisons`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case


def _comparison(rng, batch):
    return {**draws.pair("first_scores", "second_scores")(rng, batch), "targets": rng.choice([-1.0, 1.0], size=batch)}


def _decided(rng, batch):
    targets = rng.choice([-1.0, 1.0], size=batch)
    second = rng.normal(size=batch)
    return {"first_scores": second + 2 * targets, "second_scores": second, "targets": targets}


CASES = [
    Case(
        fn=jaxloss.bpr_loss,
        draw=draws.pair("positive_scores", "negative_scores"),
        oracle=lambda positive_scores, negative_scores: -scipy.special.log_expit(positive_scores - negative_scores),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"far": {"positive_scores": np.array([1e30, -1e30]), "negative_scores": np.array([-1e30, 1e30])}},
        translates=(("positive_scores", "negative_scores"),),
    ),
    Case(
        fn=jaxloss.margin_ranking_loss,
        draw=_comparison,
        oracle=lambda first_scores, second_scores, targets, margin=0.0: np.clip(
            margin - targets * (first_scores - second_scores), 0, None
        ),
        source="Herbrich, Graepel and Obermayer (2000)",
        hypers={"margin": 0.5},
        illegal={"targets": (0.0, 2.0)},
        bad_hypers=({"margin": -0.1},),
        fixed={"targets": "a choice of two values: -1 and +1"},
        perfect=_decided,
        convex=True,
        extremes={
            "equal and far": {
                "first_scores": np.array([1.0, 1e30]),
                "second_scores": np.array([1.0, -1e30]),
                "targets": np.array([1.0, -1.0]),
            }
        },
        translates=(("first_scores", "second_scores"),),
    ),
]
