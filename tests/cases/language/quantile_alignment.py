"""Cases of `jaxloss.language.preferences.quantile_alignment`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FOUR, draw_logps, of_four, win_nll


def _sorted(better, worse, beta=0.1, label_smoothing=0.0):
    score = beta * (np.sort(better, axis=-1) - np.sort(worse, axis=-1))
    return np.mean((1 - label_smoothing) * win_nll(score) + label_smoothing * win_nll(-score), axis=-1)


def _far(*rows):
    return {name: np.array(row) for name, row in zip(FOUR, rows, strict=True)}


EXTREMES = {
    "far apart": _far([0.0, -3e38], [-3e38, 0.0], [-1.0, -1.0], [-1.0, -1.0]),
    "at the reference": _far([-700.0, -800.0], [-750.0, -650.0], [-700.0, -800.0], [-750.0, -650.0]),
}

SHARED = {
    "source": "Melnyk et al. (2024), with numpy.sort",
    "hypers": {"beta": 0.5, "label_smoothing": 0.125},
    "ends": ({"beta": 0.5, "label_smoothing": 0.0}, {"beta": 0.5, "label_smoothing": 0.5}),
    "bad_hypers": (*BAD, {"label_smoothing": -0.1}, {"label_smoothing": 0.6}),
    "pooled": True,
    "extremes": EXTREMES,
}

CASES = [
    Case(
        fn=jaxloss.aot_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(lambda c, r, rc, rr, **hypers: _sorted(c - r, rc - rr, **hypers)),
        translates=(("chosen_logps", "rejected_logps"), ("reference_chosen_logps", "reference_rejected_logps")),
        **SHARED,
    ),
    Case(
        fn=jaxloss.aot_unpaired_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(lambda c, r, rc, rr, **hypers: _sorted(c - rc, r - rr, **hypers)),
        translates=(("chosen_logps", "reference_chosen_logps"), ("rejected_logps", "reference_rejected_logps")),
        **SHARED,
    ),
]
