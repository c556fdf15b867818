"""Cases of the losses whose target is a network: consistency and score distillation."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.generative._shared import EVENT, STOPPED, equal_data, far, noisy


def _pseudo_huber(predictions, targets, loss_weights, c=0.00054):
    bend = c * np.sqrt(6)
    squares = ((predictions - targets) ** 2).sum((-1, -2))
    return loss_weights * (np.hypot(np.sqrt(squares), bend) - bend)


def _sds(samples, predictions, noise, loss_weights):
    return loss_weights * np.einsum("...ij,...ij->...", samples, predictions - noise)


FIXED_MODEL = "the diffusion model is not differentiated: a stop-gradient, with a test of its own"


CASES = [
    Case(
        fn=jaxloss.consistency_loss,
        draw=noisy("predictions", "targets"),
        oracle=_pseudo_huber,
        source="Song and Dhariwal (2024), section 3.3, by numpy.hypot",
        hypers={"c": 0.5},
        bad_hypers=({"c": -1.0},),
        fixed={"targets": STOPPED},
        perfect=equal_data("predictions", "targets"),
        convex=True,
        extremes={
            "far": {**far("predictions", "targets"), "loss_weights": np.ones(1)},
            "equal": {
                "predictions": np.zeros((1, *EVENT)),
                "targets": np.zeros((1, *EVENT)),
                "loss_weights": np.ones(1),
            },
        },
    ),
    Case(
        fn=jaxloss.score_distillation_loss,
        draw=noisy("samples", "predictions", "noise"),
        oracle=_sds,
        source="Poole et al. (2023), equation 3, integrated",
        fixed={"predictions": FIXED_MODEL, "noise": FIXED_MODEL},
        bound=None,
        convex=True,
        cancels="the value is an inner product of either sign",
        extremes={"far": {**far("samples", "predictions", "noise"), "noise": np.zeros((1, *EVENT))}},
    ),
]
