"""Cases of `jaxloss.language.preferences.reference_free`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FOUR, draw_logps, filled, win_nll


def _orpo(chosen_logps, rejected_logps, beta=0.1):
    chosen, rejected = np.exp(chosen_logps), np.exp(rejected_logps)
    return -chosen_logps - beta * np.log(
        scipy.special.expit(scipy.special.logit(chosen) - scipy.special.logit(rejected))
    )


def _means_over_tokens(rng, batch):
    return {name: -0.4 * rng.gamma(2.0, size=batch) - 0.05 for name in FOUR[:2]}


def _alpha_po(chosen_logps, rejected_logps, alpha=0.25, beta=2.0, margin=1.0):
    won, lost = ((1 - np.exp(logps) ** -alpha) / alpha for logps in (chosen_logps, rejected_logps))
    return win_nll(beta * (won - lost) - margin)


CASES = [
    Case(
        fn=jaxloss.simpo_loss,
        draw=draw_logps(*FOUR[:2]),
        oracle=lambda chosen_logps, rejected_logps, beta=2.0, margin=1.0: win_nll(
            beta * (chosen_logps - rejected_logps) - margin
        ),
        source="scipy.special.expit",
        hypers={"beta": 0.75, "margin": 0.25},
        bad_hypers=BAD,
        convex=True,
        extremes={"far": filled(FOUR[:2], 0.0, -1e30), "far the wrong way": filled(FOUR[:2], -1e30, 0.0)},
        translates=(("chosen_logps", "rejected_logps"),),
    ),
    Case(
        fn=jaxloss.alpha_po_loss,
        draw=_means_over_tokens,
        oracle=_alpha_po,
        source="Gupta et al. (2025), from probabilities, over scipy.special.expit",
        hypers={"alpha": 0.5, "beta": 0.75, "margin": 0.25},
        bad_hypers=(*BAD, {"alpha": 0.0}, {"alpha": -0.5}),
        ulps=16,  # an exponential of rewards of up to 10
        extremes={"far": filled(FOUR[:2], 0.0, -1e30), "far the wrong way": filled(FOUR[:2], -1e30, 0.0)},
    ),
    Case(
        fn=jaxloss.cpo_loss,
        draw=draw_logps(*FOUR[:2]),
        oracle=lambda chosen_logps, rejected_logps, beta=0.1, nll_weight=1.0: (
            win_nll(beta * (chosen_logps - rejected_logps)) - nll_weight * chosen_logps
        ),
        source="scipy.special.expit",
        hypers={"beta": 0.75, "nll_weight": 0.25},
        ends=({"beta": 0.75, "nll_weight": 0.0},),
        illegal={"chosen_logps": (0.5,), "rejected_logps": (0.5,)},
        bad_hypers=(*BAD, {"nll_weight": -1.0}),
        convex=True,
        extremes={"far": filled(FOUR[:2], 0.0, -1e30), "far the wrong way": filled(FOUR[:2], -1e30, 0.0)},
    ),
    Case(
        fn=jaxloss.orpo_loss,
        draw=draw_logps(*FOUR[:2]),
        oracle=_orpo,
        source="scipy.special.logit",
        hypers={"beta": 0.75},
        ends=({"beta": 0.0},),
        illegal={"chosen_logps": (0.5,), "rejected_logps": (0.5,)},
        bad_hypers=({"beta": -1.0},),
        extremes={
            "certain": filled(FOUR[:2], 0.0, -1.0),
            "certain the wrong way": filled(FOUR[:2], -1.0, 0.0),
            "both certain": filled(FOUR[:2], 0.0, 0.0),
            "nearly certain": filled(FOUR[:2], -1e-37, -1e-30),
            "impossible": filled(FOUR[:2], -1e30, -1e30),
        },
    ),
]
