"""Cases of flow matching."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.generative._shared import each_mean_square, exact, far, noisy, other_events


def _perfect_flow(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = exact("predictions", "samples", "noise")(rng, batch)
    return {**inputs, "noise": 0 * inputs["noise"], "predictions": inputs["samples"].copy()}


def _flow(predictions, samples, noise, loss_weights, sigma_min=0.0):
    return each_mean_square(predictions - samples + noise - sigma_min * noise, loss_weights)


CASES = [
    Case(
        fn=jaxloss.flow_matching_loss,
        draw=noisy("predictions", "samples", "noise"),
        structures=other_events("predictions", "samples", "noise"),
        oracle=_flow,
        source="Lipman et al. (2023), equation 23, entry by entry",
        hypers={"sigma_min": 0.125},
        bad_hypers=({"sigma_min": -0.5}, {"sigma_min": 1.5}),
        ends=({"sigma_min": 0.0}, {"sigma_min": 1.0}),
        perfect=_perfect_flow,
        convex=True,
        extremes={"far": far("predictions", "samples", "noise")},
        translates=(("predictions", "samples"),),
    ),
]
