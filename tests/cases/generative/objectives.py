"""Cases of the denoising losses by what the network predicts."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.generative._shared import (
    V_NUMBERS,
    each_mean_square,
    equal_data,
    exact,
    far,
    noisy,
    of_example,
    other_events,
)


def _perfect_velocity(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = exact("predictions", "samples", "noise", numbers=V_NUMBERS)(rng, batch)
    alphas, sigmas = (inputs[n][..., None, None] for n in V_NUMBERS[:2])
    return {**inputs, "predictions": alphas * inputs["noise"] - sigmas * inputs["samples"]}


def _v_prediction(predictions, samples, noise, alphas, sigmas, loss_weights):
    velocity = noise * of_example(alphas) - samples * of_example(sigmas)
    return each_mean_square(velocity - predictions, loss_weights)


CASES = [
    Case(
        fn=jaxloss.epsilon_prediction_loss,
        draw=noisy("predictions", "noise"),
        structures=other_events("predictions", "noise"),
        oracle=lambda predictions, noise, loss_weights: each_mean_square(predictions - noise, loss_weights),
        source="Ho et al. (2020), equation 14, entry by entry",
        perfect=equal_data("predictions", "noise"),
        convex=True,
        extremes={"far": far("predictions", "noise")},
        translates=(("predictions", "noise"),),
    ),
    Case(
        fn=jaxloss.x0_prediction_loss,
        draw=noisy("predictions", "samples"),
        structures=other_events("predictions", "samples"),
        oracle=lambda predictions, samples, loss_weights: each_mean_square(samples - predictions, loss_weights),
        source="Salimans and Ho (2022), entry by entry",
        perfect=equal_data("predictions", "samples"),
        convex=True,
        extremes={"far": far("predictions", "samples")},
        translates=(("predictions", "samples"),),
    ),
    Case(
        fn=jaxloss.v_prediction_loss,
        draw=noisy("predictions", "samples", "noise", numbers=V_NUMBERS),
        structures=other_events("predictions", "samples", "noise", numbers=V_NUMBERS),
        oracle=_v_prediction,
        source="Salimans and Ho (2022), entry by entry",
        perfect=_perfect_velocity,
        convex=True,
        extremes={
            "far": far("predictions", "samples", "noise", numbers=V_NUMBERS),
            "pure noise": {**far("predictions", "samples", "noise", numbers=V_NUMBERS), "alphas": np.zeros(1)},
        },
    ),
]
