"""Cases of score matching."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import any_batch
from tests.cases.generative._shared import CAST, each_mean_square, exact, far, noisy, of_example, other_events


def _perfect_score(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = exact("scores", "noise", numbers=("sigmas", "loss_weights"))(rng, batch)
    return {**inputs, "scores": -inputs["noise"] / inputs["sigmas"][..., None, None]}


def _denoising(scores, noise, sigmas, loss_weights):
    wanted = -noise / of_example(sigmas)
    return each_mean_square(scores - wanted, loss_weights * sigmas**2)


COUPLING = np.array([[1.5, 0.5, -0.25], [0.125, 1.0, 0.75], [-0.5, 0.25, 2.0]])


def _model(params, samples):
    return -samples @ params.T - samples**3


def _scores(samples):
    return -np.einsum("ij,...j->...i", COUPLING, samples) - samples**3


def _jacobians(samples):
    return -COUPLING - 3 * np.eye(3) * samples[..., None, :] ** 2


def _implicit(samples):
    return np.trace(_jacobians(samples), axis1=-2, axis2=-1) + 0.5 * np.sum(_scores(samples) ** 2, -1)


def _sliced(samples, directions):
    bend = np.einsum("...i,...ij,...j->...", directions, _jacobians(samples), directions)
    return bend + 0.5 * np.sum(directions * _scores(samples), -1) ** 2


SIGNS = "curvature and squared score have opposite signs"

CASES = [
    Case(
        fn=jaxloss.denoising_score_matching_loss,
        draw=noisy("scores", "noise", numbers=("sigmas", "loss_weights")),
        structures=other_events("scores", "noise", numbers=("sigmas", "loss_weights")),
        oracle=_denoising,
        source="Vincent (2011), entry by entry",
        perfect=_perfect_score,
        convex=True,
        extremes={
            "far": far("scores", "noise", numbers=("sigmas", "loss_weights")),
            "no noise": {**far("scores", "noise", numbers=("sigmas", "loss_weights")), "sigmas": np.zeros(1)},
        },
    ),
    Case(
        fn=any_batch(jaxloss.implicit_score_matching_loss, samples=1),
        draw=lambda rng, batch: {"samples": 0.5 * rng.normal(size=(*batch, 3))},
        oracle=_implicit,
        source="Hyvarinen (2005), with the Jacobian of a cubic score in closed form",
        leading=(_model, COUPLING),
        bound=None,
        cancels=SIGNS,
        ulps=8.0,  # of 1, and the two terms are several times as large
        extremes={"at rest": {"samples": np.zeros((1, 3))}, "far": {"samples": np.full((1, 3), 1e5)}},
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=any_batch(jaxloss.sliced_score_matching_loss, samples=1, directions=1),
        draw=lambda rng, batch: {n: 0.5 * rng.normal(size=(*batch, 3)) for n in ("samples", "directions")},
        oracle=_sliced,
        source="Song et al. (2019), with the Jacobian of a cubic score in closed form",
        leading=(_model, COUPLING),
        bound=None,
        cancels=SIGNS,
        extremes={
            "at rest": {"samples": np.zeros((1, 3)), "directions": np.zeros((1, 3))},
            "far": {"samples": np.full((1, 3), 1e5), "directions": np.ones((1, 3))},
        },
        exempt={"half_precision": CAST},
    ),
]
