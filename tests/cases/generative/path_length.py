"""Cases of the path length penalty, on a generator whose Jacobian is known in closed form."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import any_batch, leading_first
from tests.cases.generative._shared import CAST

HELPERS = {"init_path_length_penalty": "the state of path_length_penalty before its first step"}

IMAGES = np.random.default_rng(0).normal(size=(2, 5))
STATE = jaxloss.PathLengthState(np.asarray(0.5))


def _generator(params, latents):
    return 0.5 * jnp.sum(jnp.square(latents)[..., None] * params[None], axis=-2)


def _paths(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"latents": rng.normal(size=(*batch, 2)), "directions": rng.normal(size=(*batch, 5))}


def _path_length(latents, directions, rate=0.01):
    """The pulled-back directions of the quadratic generator in closed form."""
    pulls = latents * np.einsum("dk,...k->...d", IMAGES, directions)
    lengths = np.linalg.norm(pulls, axis=-1)
    mean = 0.5 + rate * (np.average(lengths) - 0.5)
    return (lengths - mean) ** 2


CASES = [
    Case(
        fn=leading_first(
            any_batch(jaxloss.path_length_penalty, latents=1, directions=1), "generator", "params", "state"
        ),
        draw=_paths,
        oracle=_path_length,
        source="Karras et al. (2020), section 3.2, with the Jacobian of a quadratic generator in closed form",
        leading=(_generator, IMAGES, STATE),
        carries=True,
        meets=True,
        hypers={"rate": 0.0},
        fixed={"rate": "the average that it moves is a constant of differentiation"},
        ends=({"rate": 0.0}, {"rate": 1.0}),
        bad_hypers=({"rate": -0.5}, {"rate": 1.5}),
        cancels="the length of a step is near the average where the penalty is small",
        extremes={
            "flat": {"latents": np.zeros((2, 2)), "directions": np.ones((2, 5))},
            "far": {"latents": np.full((1, 2), 1e8), "directions": np.full((1, 5), 1e8)},
        },
        exempt={"half_precision": CAST},
    ),
]
