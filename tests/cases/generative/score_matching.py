"""Cases of score matching."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.generative._shared import each_mean_square, exact, far, noisy, of_example


def _perfect_score(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = exact("scores", "noise", numbers=("sigmas", "loss_weights"))(rng, batch)
    return {**inputs, "scores": -inputs["noise"] / inputs["sigmas"][..., None, None]}


def _denoising(scores, noise, sigmas, loss_weights):
    wanted = -noise / of_example(sigmas)
    return each_mean_square(scores - wanted, loss_weights * sigmas**2)


CASES = [
    Case(
        fn=jaxloss.denoising_score_matching_loss,
        draw=noisy("scores", "noise", numbers=("sigmas", "loss_weights")),
        oracle=_denoising,
        source="Vincent (2011), entry by entry",
        perfect=_perfect_score,
        convex=True,
        extremes={
            "far": far("scores", "noise", numbers=("sigmas", "loss_weights")),
            "no noise": {**far("scores", "noise", numbers=("sigmas", "loss_weights")), "sigmas": np.zeros(1)},
        },
    ),
]
