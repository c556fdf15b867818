"""Cases of the critics: Wasserstein, hinge, least squares."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.generative._shared import SURE, SURE_FAKES, only, scores


def _told_apart(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"real_logits": 1 + rng.gamma(1.0, size=batch), "fake_logits": -1 - rng.gamma(1.0, size=batch)}


def _hinges(real_logits, fake_logits):
    return np.where(real_logits < 1, 1 - real_logits, 0) + np.where(fake_logits > -1, 1 + fake_logits, 0)


def _least_squares(real_logits, fake_logits, real_label=1.0, fake_label=0.0):
    return ((real_logits - real_label) ** 2 + (fake_logits - fake_label) ** 2) / 2


CASES = [
    Case(
        fn=jaxloss.gan_wasserstein_discriminator_loss,
        draw=scores(),
        oracle=lambda real_logits, fake_logits: -np.subtract(real_logits, fake_logits),
        source="formula",
        bound=None,
        convex=True,
        extremes={"far": SURE},
        translates=(("real_logits", "fake_logits"),),
    ),
    Case(
        fn=jaxloss.gan_wasserstein_generator_loss,
        draw=only("fake_logits"),
        oracle=lambda fake_logits: np.negative(fake_logits),
        source="formula",
        bound=None,
        convex=True,
        extremes={"far": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_hinge_discriminator_loss,
        draw=scores(),
        oracle=_hinges,
        source="Lim and Ye (2017)",
        perfect=_told_apart,
        convex=True,
        extremes={
            "far": SURE,
            "at the margins": {"real_logits": np.array([1.0]), "fake_logits": np.array([-1.0])},
        },
    ),
    Case(
        fn=jaxloss.gan_hinge_generator_loss,
        draw=only("fake_logits"),
        oracle=lambda fake_logits: np.negative(fake_logits),
        source="Lim and Ye (2017)",
        bound=None,
        convex=True,
        extremes={"far": SURE_FAKES},
    ),
    Case(
        fn=jaxloss.gan_least_squares_discriminator_loss,
        draw=scores(),
        oracle=_least_squares,
        source="Mao et al. (2017), equation 2",
        hypers={"real_label": 0.75, "fake_label": -0.25},
        convex=True,
        extremes={"far": {"real_logits": np.array([1e15, 1.0]), "fake_logits": np.array([-1e15, 0.0])}},
    ),
    Case(
        fn=jaxloss.gan_least_squares_generator_loss,
        draw=only("fake_logits"),
        oracle=lambda fake_logits, real_label=1.0: (real_label - fake_logits) ** 2 / 2,
        source="Mao et al. (2017), equation 2",
        hypers={"real_label": 0.5},
        convex=True,
        extremes={"far": {"fake_logits": np.array([1e15, 1.0])}},
    ),
]
