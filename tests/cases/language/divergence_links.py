"""Cases of `jaxloss.language.preferences.divergence_links`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FAR, FOUR, draw_logps, of_four, win_nll

EACH = (("chosen_logps", "reference_chosen_logps"), ("rejected_logps", "reference_rejected_logps"))


def _linked(link):
    """The link of the two ratios of probabilities, which is the derivative of the generator of the divergence."""

    def loss(chosen, rejected, reference_chosen, reference_rejected, beta=0.1, **hypers):
        ratios = np.exp(chosen - reference_chosen), np.exp(rejected - reference_rejected)
        won, lost = (link(u, **hypers) for u in ratios)
        return win_nll(beta * (won - lost))

    return of_four(loss)


CASES = [
    Case(
        fn=jaxloss.alpha_dpo_loss,
        draw=draw_logps(*FOUR),
        oracle=_linked(lambda u, alpha=0.5: (1 - u**-alpha) / alpha),
        source="Wang et al. (2023), table 1: the derivative of the generator at the ratios of probabilities",
        hypers={"beta": 0.5, "alpha": 0.25},
        bad_hypers=(*BAD, {"alpha": 0.0}, {"alpha": -0.5}),
        ulps=16,  # an exponential of a difference of log-probabilities of up to 10
        extremes=FAR,
        translates=EACH,
    ),
    Case(
        fn=jaxloss.jensen_shannon_dpo_loss,
        draw=draw_logps(*FOUR),
        oracle=_linked(lambda u: np.log(2 * u / (1 + u))),
        source="Wang et al. (2023), table 1: the derivative of the generator at the ratios of probabilities",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        extremes=FAR,
        translates=EACH,
    ),
]
