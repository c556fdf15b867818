"""Cases of `jaxloss.classification.noisy_labels.corrections`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import EDGES, SATURATED


def _noisy(rng: np.random.Generator, batch: Shape) -> Inputs:
    transition = 0.7 * np.eye(5) + 0.3 * draws.simplex(rng, (5,), 5)
    return {**draws.scores_and_labels()(rng, batch), "transition": transition}


BANDED = 0.75 * np.eye(5) + 0.25 * np.roll(np.eye(5), 1, axis=1)

CASES = [
    Case(
        fn=jaxloss.forward_correction_loss,
        draw=_noisy,
        oracle=lambda logits, labels, transition: (
            -np.log(np.sum(np.eye(5)[labels] * (scipy.special.softmax(logits, -1) @ transition), -1))
        ),
        source="scipy.special.softmax",
        shared=("transition",),
        labels="labels",
        extremes={
            "saturated and absent": {**SATURATED, "transition": BANDED},
            "no noise": {**SATURATED, "transition": np.eye(5)},
        },
        illegal={"transition": (-0.1, 1.1)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.backward_correction_loss,
        draw=_noisy,
        oracle=lambda logits, labels, transition: (
            -np.sum(
                np.eye(5)[labels]
                * np.linalg.solve(transition, scipy.special.log_softmax(logits, -1)[..., None])[..., 0],
                -1,
            )
        ),
        source="numpy.linalg.solve and scipy.special.log_softmax",
        shared=("transition",),
        bound=None,
        cancels="an inverse of a stochastic matrix has entries of both signs",
        ulps=8,  # the inverse of the matrix is computed in the working dtype
        labels="labels",
        extremes={
            "saturated": {"logits": EDGES[1:], "labels": np.array([1, 1], np.int32), "transition": BANDED},
            "no noise": {**SATURATED, "transition": np.eye(5)},
        },
        illegal={"transition": (-0.1, 1.1)},
        translates=(("logits",),),
    ),
]
