"""What several modules of Cases of `jaxloss.language` draw and compute."""

from __future__ import annotations

import numpy as np
import scipy.special

from tests.cases import Inputs

CLASSES = 7

FOUR = ("chosen_logps", "rejected_logps", "reference_chosen_logps", "reference_rejected_logps")


def draw_logps(*names: str):
    return lambda rng, batch: {name: -rng.gamma(4.0, size=batch) - 0.05 for name in names}


def filled(names: tuple[str, ...], *values: float) -> Inputs:
    return {name: np.full(1, value) for name, value in zip(names, values, strict=True)}


def log_ratio_margin(chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps):
    return (chosen_logps - rejected_logps) - (reference_chosen_logps - reference_rejected_logps)


def win_nll(x):
    """Minus the log-probability of a win."""
    return -np.log(scipy.special.expit(x))


def of_four(formula):
    return lambda chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps, **hypers: formula(
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps, **hypers
    )


FAR = {
    "far apart": filled(FOUR, 0.0, -3e38, -1.0, -1.0),
    "far the wrong way": filled(FOUR, -1e6, 0.0, -1.0, -1.0),
    "at the reference": filled(FOUR, -700.0, -800.0, -700.0, -800.0),
}

BAD = ({"beta": 0.0}, {"beta": -1.0})

CONSTANT = "data of the rollout, not of the model that is trained: constant by definition"
