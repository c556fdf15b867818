"""Cases of the losses whose target is a network: consistency and score distillation."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.generative._shared import EVENT, STOPPED, equal_data, far, noisy, other_events


def _pseudo_huber(predictions, targets, loss_weights, c=0.00054):
    bend = c * np.sqrt(np.prod(predictions.shape[-2:]))
    squares = ((predictions - targets) ** 2).sum((-1, -2))
    return loss_weights * (np.hypot(np.sqrt(squares), bend) - bend)


def _sds(samples, predictions, noise, loss_weights):
    return loss_weights * np.einsum("...ij,...ij->...", samples, predictions - noise)


FIXED_MODEL = "the diffusion model is not differentiated: a stop-gradient"


CASES = [
    Case(
        fn=jaxloss.consistency_loss,
        draw=noisy("predictions", "targets"),
        structures=other_events("predictions", "targets"),
        oracle=_pseudo_huber,
        source="Song and Dhariwal (2024), section 3.3, by numpy.hypot",
        hypers={"c": 0.5},
        bad_hypers=({"c": -1.0},),
        ends=({"c": 0.0},),
        fixed={"targets": STOPPED},
        constant={"targets": STOPPED},
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
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.score_distillation_loss,
        draw=noisy("samples", "predictions", "noise"),
        structures=other_events("samples", "predictions", "noise"),
        oracle=_sds,
        source="Poole et al. (2023), equation 3, integrated",
        fixed={"predictions": FIXED_MODEL, "noise": FIXED_MODEL},
        constant={"predictions": FIXED_MODEL, "noise": FIXED_MODEL},
        bound=None,
        convex=True,
        cancels="the value is an inner product of either sign",
        extremes={"far": {**far("samples", "predictions", "noise"), "noise": np.zeros((1, *EVENT))}},
    ),
]
