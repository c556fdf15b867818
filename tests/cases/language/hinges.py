"""Cases of `jaxloss.language.preferences.hinges`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import BAD, FAR, FOUR, draw_logps, log_ratio_margin, of_four


def _slic(*logps, beta=0.1, margin=1.0):
    return np.clip(margin - beta * log_ratio_margin(*logps), 0, None)


def _dpo_positive(*logps, beta=0.3, penalty_weight=50.0):
    chosen, _, reference, _ = logps
    return -scipy.special.log_expit(
        beta * (log_ratio_margin(*logps) - penalty_weight * np.clip(reference - chosen, 0, None))
    )


def _satisfied(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {name: np.full(batch, value) for name, value in zip(FOUR, (0.0, -500.0, -1.0, -1.0), strict=True)}


CASES = [
    Case(
        fn=jaxloss.slic_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_slic),
        source="formula with numpy.clip",
        hypers={"beta": 0.5, "margin": 2.0},
        ends=({"beta": 0.5, "margin": 0.0},),
        bad_hypers=(*BAD, {"margin": -1.0}),
        perfect=_satisfied,
        convex=True,
        cancels="a difference that is small near the margin",
        extremes=FAR,
        translates=(
            ("chosen_logps", "rejected_logps"),
            ("chosen_logps", "reference_chosen_logps"),
            ("rejected_logps", "reference_rejected_logps"),
            ("reference_chosen_logps", "reference_rejected_logps"),
        ),
    ),
    Case(
        fn=jaxloss.dpo_positive_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_dpo_positive),
        source="scipy.special.log_expit",
        hypers={"beta": 0.5, "penalty_weight": 2.0},
        ends=({"beta": 0.5, "penalty_weight": 0.0},),
        bad_hypers=(*BAD, {"penalty_weight": -1.0}),
        convex=True,
        extremes={name: FAR[name] for name in ("at the reference", "far the wrong way")},
        translates=(("chosen_logps", "reference_chosen_logps"), ("rejected_logps", "reference_rejected_logps")),
    ),
]
