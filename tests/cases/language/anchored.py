"""Cases of `jaxloss.language.preferences.anchored`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FAR, FOUR, draw_logps, of_four, win_nll

EACH = (("chosen_logps", "reference_chosen_logps"), ("rejected_logps", "reference_rejected_logps"))


def _rewards(formula):
    """A formula of the two log-ratios."""
    return of_four(lambda c, r, rc, rr, **hypers: formula(c - rc, r - rr, **hypers))


def _apo_zero(chosen, rejected, beta=0.1):
    return 1 - scipy.special.expit(beta * chosen) + scipy.special.expit(beta * rejected)


def _apo_down(chosen, rejected, beta=0.1):
    return scipy.special.expit(beta * chosen) + 1 - scipy.special.expit(beta * (chosen - rejected))


def _bco_pair(chosen, rejected, beta=0.1, reward_shift=0.0):
    return win_nll(beta * chosen - reward_shift) + win_nll(reward_shift - beta * rejected)


def _nca_pair(chosen, rejected, beta=0.1):
    return win_nll(beta * chosen) + 0.5 * win_nll(-beta * chosen) + 0.5 * win_nll(-beta * rejected)


CASES = [
    Case(
        fn=jaxloss.apo_zero_loss,
        draw=draw_logps(*FOUR),
        oracle=_rewards(_apo_zero),
        source="D'Oosterlinck et al. (2024), equation 7, over scipy.special.expit",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        extremes=FAR,
        translates=EACH,
    ),
    Case(
        fn=jaxloss.apo_down_loss,
        draw=draw_logps(*FOUR),
        oracle=_rewards(_apo_down),
        source="D'Oosterlinck et al. (2024), equation 8, over scipy.special.expit",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        extremes=FAR,
        translates=EACH,
    ),
    Case(
        fn=jaxloss.bco_pair_loss,
        draw=draw_logps(*FOUR),
        oracle=_rewards(_bco_pair),
        source="formula of the paper over scipy.special.expit",
        hypers={"beta": 0.5, "reward_shift": 0.25},
        bad_hypers=BAD,
        convex=True,
        extremes=FAR,
        translates=EACH,
    ),
    Case(
        fn=jaxloss.nca_pair_loss,
        draw=draw_logps(*FOUR),
        oracle=_rewards(_nca_pair),
        source="formula of TRL over scipy.special.expit",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        bound=1.5 * np.log(3.0) - np.log(2.0) - 1e-6,
        convex=True,
        extremes=FAR,
        translates=EACH,
    ),
]
