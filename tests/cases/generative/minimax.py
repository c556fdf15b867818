"""Cases of the classifying discriminator and its generators."""

from __future__ import annotations

import jaxloss
from tests.cases import Case
from tests.cases.generative._shared import SURE, SURE_FAKES, log_expit, only, scores


def _minimax(real_logits, fake_logits, real_smoothing=0.0):
    real = (1 - real_smoothing) * log_expit(real_logits) + real_smoothing * log_expit(-real_logits)
    return -real - log_expit(-fake_logits)


CASES = [
    Case(
        fn=jaxloss.gan_minimax_discriminator_loss,
        draw=scores(),
        oracle=_minimax,
        source="scipy.special.log_expit",
        hypers={"real_smoothing": 0.125},
        bad_hypers=({"real_smoothing": -0.5}, {"real_smoothing": 1.5}),
        ends=({"real_smoothing": 0.0}, {"real_smoothing": 1.0}),
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_minimax_generator_loss,
        draw=only("fake_logits"),
        oracle=lambda fake_logits: log_expit(-fake_logits),
        source="scipy.special.log_expit",
        bound=None,
        extremes={"sure": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_nonsaturating_discriminator_loss,
        draw=scores(),
        oracle=_minimax,
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE},
    ),
    Case(
        fn=jaxloss.gan_nonsaturating_generator_loss,
        draw=only("fake_logits"),
        oracle=lambda fake_logits: -log_expit(fake_logits),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE_FAKES},
    ),
]
