"""Cases of `jaxloss.language.preferences.self_play`."""

from __future__ import annotations

import jaxloss
from tests.cases import Case
from tests.cases.language._shared import BAD, FAR, FOUR, draw_logps, of_four


def _sppo_hard(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return (chosen - reference_chosen - 1 / (2 * beta)) ** 2 + (rejected - reference_rejected + 1 / (2 * beta)) ** 2


CASES = [
    Case(
        fn=jaxloss.sppo_hard_loss,
        draw=draw_logps(*FOUR),
        oracle=of_four(_sppo_hard),
        source="Wu et al. (2024), equation 4.7, with certain wins",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        convex=True,
        cancels="squares of differences that are small near their aims",
        extremes={name: FAR[name] for name in ("at the reference", "far the wrong way")},
        translates=(("chosen_logps", "reference_chosen_logps"), ("rejected_logps", "reference_rejected_logps")),
    ),
]
