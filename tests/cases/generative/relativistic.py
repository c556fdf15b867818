"""Cases of the relativistic adversarial losses."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.generative._shared import SURE, log_expit, scores


def _relativistic_average(higher, lower):
    values = np.zeros(higher.shape[:-1])
    for i in np.ndindex(values.shape):
        high, low, n = higher[i], lower[i], higher.shape[-1]
        for k in range(n):
            values[i] -= log_expit(high[k] - low.sum() / n) / n + log_expit(high.sum() / n - low[k]) / n
    return values


CASES = [
    Case(
        fn=jaxloss.gan_relativistic_discriminator_loss,
        draw=scores(1.0),
        oracle=lambda real_logits, fake_logits: -log_expit(real_logits - fake_logits),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE},
        translates=(("real_logits", "fake_logits"),),
    ),
    Case(
        fn=jaxloss.gan_relativistic_generator_loss,
        draw=scores(1.0),
        oracle=lambda real_logits, fake_logits: -log_expit(fake_logits - real_logits),
        source="scipy.special.log_expit",
        convex=True,
        extremes={"sure": SURE},
        translates=(("real_logits", "fake_logits"),),
    ),
    Case(
        fn=jaxloss.gan_relativistic_average_discriminator_loss,
        draw=scores(1.0),
        oracle=lambda real_logits, fake_logits: _relativistic_average(real_logits, fake_logits),
        source="Jolicoeur-Martineau (2018), pair by pair",
        pooled=True,
        convex=True,
        extremes={"sure": SURE},
        translates=(("real_logits", "fake_logits"),),
    ),
    Case(
        fn=jaxloss.gan_relativistic_average_generator_loss,
        draw=scores(1.0),
        oracle=lambda real_logits, fake_logits: _relativistic_average(fake_logits, real_logits),
        source="Jolicoeur-Martineau (2018), pair by pair",
        pooled=True,
        convex=True,
        extremes={"sure": SURE},
        translates=(("real_logits", "fake_logits"),),
    ),
]
