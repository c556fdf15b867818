"""Cases of `jaxloss.language.preferences.discovered`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FAR, FOUR, draw_logps, log_ratio_margin, of_four, win_nll


def _discopop(*logps, beta=0.1, blend_temperature=0.05):
    score = beta * log_ratio_margin(*logps)
    share = scipy.special.expit(score / blend_temperature)
    return win_nll(score) * scipy.special.expit(-score / blend_temperature) + np.exp(-score) * share


CASES = [
    Case(
        fn=jaxloss.discopop_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_discopop),
        source="Lu et al. (2024), equation 5, over scipy.special.expit",
        hypers={"beta": 0.5, "blend_temperature": 0.25},
        ends=({"beta": 0.5, "blend_temperature": 1.0},),
        bad_hypers=(*BAD, {"blend_temperature": 0.0}, {"blend_temperature": 1.5}),
        ulps=32,  # an exponential of the rewards over the temperature, of up to 20
        extremes=FAR,
        translates=(
            ("chosen_logps", "rejected_logps"),
            ("chosen_logps", "reference_chosen_logps"),
            ("rejected_logps", "reference_rejected_logps"),
            ("reference_chosen_logps", "reference_rejected_logps"),
        ),
    ),
]
