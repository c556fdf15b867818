"""Cases of `jaxloss.language.preferences.pairs`."""

from __future__ import annotations

import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FAR, FOUR, draw_logps, log_ratio_margin, of_four, win_nll

CANCELS = "a logarithm less a linear term of either sign"


def _dpo(*logps, beta=0.1, label_smoothing=0.0):
    score = beta * log_ratio_margin(*logps)
    return (1 - label_smoothing) * win_nll(score) + label_smoothing * win_nll(-score)


def _robust_dpo(*logps, beta=0.1, flip_rate=0.1):
    score = beta * log_ratio_margin(*logps)
    return ((1 - flip_rate) * win_nll(score) - flip_rate * win_nll(-score)) / (1 - 2 * flip_rate)


def _exo_pair(*logps, beta=0.1, label_smoothing=1e-3):
    wins = scipy.special.expit(beta * log_ratio_margin(*logps))
    return scipy.special.rel_entr(wins, 1 - label_smoothing) + scipy.special.rel_entr(1 - wins, label_smoothing)


CASES = [
    Case(
        fn=jaxloss.dpo_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_dpo),
        source="scipy.special.expit",
        hypers={"beta": 0.5, "label_smoothing": 0.125},
        ends=({"beta": 0.5, "label_smoothing": 0.0}, {"beta": 0.5, "label_smoothing": 0.5}),
        bad_hypers=(*BAD, {"label_smoothing": -0.1}, {"label_smoothing": 0.6}),
        convex=True,
        extremes=FAR,
        translates=(
            ("chosen_logps", "rejected_logps"),
            ("chosen_logps", "reference_chosen_logps"),
            ("rejected_logps", "reference_rejected_logps"),
            ("reference_chosen_logps", "reference_rejected_logps"),
        ),
    ),
    Case(
        fn=jaxloss.robust_dpo_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_robust_dpo),
        source="formula of the paper over scipy.special.expit",
        hypers={"beta": 0.5, "flip_rate": 0.25},
        ends=({"beta": 0.5, "flip_rate": 0.0},),
        bad_hypers=(*BAD, {"flip_rate": -0.1}, {"flip_rate": 0.5}),
        bound=None,
        convex=True,
        cancels=CANCELS,
        extremes=FAR,
        translates=(
            ("chosen_logps", "rejected_logps"),
            ("chosen_logps", "reference_chosen_logps"),
            ("rejected_logps", "reference_rejected_logps"),
            ("reference_chosen_logps", "reference_rejected_logps"),
        ),
    ),
    Case(
        fn=jaxloss.ipo_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(lambda *logps, beta=0.1: (log_ratio_margin(*logps) - 1 / (2 * beta)) ** 2),
        source="formula of the paper",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        convex=True,
        cancels="the square of a difference that is small near its aim",
        extremes={name: FAR[name] for name in ("at the reference", "far the wrong way")},
        translates=(
            ("chosen_logps", "rejected_logps"),
            ("chosen_logps", "reference_chosen_logps"),
            ("rejected_logps", "reference_rejected_logps"),
            ("reference_chosen_logps", "reference_rejected_logps"),
        ),
    ),
    Case(
        fn=jaxloss.exo_pair_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_exo_pair),
        source="scipy.special.rel_entr of both outcomes",
        hypers={"beta": 0.5, "label_smoothing": 0.125},
        ends=({"beta": 0.5, "label_smoothing": 0.5},),
        bad_hypers=(*BAD, {"label_smoothing": 0.0}, {"label_smoothing": 0.6}),
        tolerance=1e-11,
        cancels="about the square of a difference that is small near its aim",
        extremes=FAR,
        translates=(
            ("chosen_logps", "rejected_logps"),
            ("chosen_logps", "reference_chosen_logps"),
            ("rejected_logps", "reference_rejected_logps"),
            ("reference_chosen_logps", "reference_rejected_logps"),
        ),
    ),
]
