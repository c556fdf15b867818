"""Cases of the gradient penalties, on a critic whose slope is known in closed form."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import any_batch
from tests.cases.generative._shared import CAST
from tests.draws import Draw

CURVATURES = np.array([0.5, 1.25, 2.0])


def _critic(params, examples):
    """Two scores per example, which add up to ``sum(params * x**2) / 2``."""
    return jnp.square(examples) @ jnp.stack([0.25 * params, 0.25 * params], axis=-1)


def _examples(name: str) -> Draw:
    return lambda rng, batch: {name: rng.normal(size=(*batch, 3))}


def _pairs(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "real": rng.normal(size=(*batch, 3)),
        "fake": rng.normal(size=(*batch, 3)),
        "interpolation": rng.uniform(0.1, 0.9, size=batch),
    }


def _distance_from_target(real, fake, interpolation, target_norm=1.0):
    between = fake + interpolation[..., None] * (real - fake)
    return (np.linalg.norm(CURVATURES * between, axis=-1) - target_norm) ** 2


def _excess(real, fake, interpolation, max_norm=1.0):
    between = fake + interpolation[..., None] * (real - fake)
    lengths = np.linalg.norm(CURVATURES * between, axis=-1)
    return np.where(lengths > max_norm, (lengths - max_norm) ** 2, 0)


def _short(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Every slope is shorter than 1."""
    inputs = _pairs(rng, batch)
    return {**inputs, **{name: 0.1 * np.tanh(inputs[name]) for name in ("real", "fake")}}


def _half_square(examples):
    return 0.5 * np.einsum("...d,d->...", examples**2, CURVATURES**2)


def _flat(name: str) -> Draw:
    return lambda rng, batch: {name: np.zeros((*batch, 3))}


FAR = np.array([[1e15, 0.0, 1e-30]])

CASES = [
    Case(
        fn=any_batch(jaxloss.gradient_penalty, real=1, fake=1, interpolation=0),
        draw=_pairs,
        oracle=_distance_from_target,
        source="Gulrajani et al. (2017), with the slope of a quadratic critic in closed form",
        leading=(_critic, CURVATURES),
        hypers={"target_norm": 0.5},
        bad_hypers=({"target_norm": 0.0}, {"target_norm": -1.0}),
        cancels="the norm is near its target where the penalty is small",
        extremes={
            "flat": {"real": np.zeros((1, 3)), "fake": np.zeros((1, 3)), "interpolation": np.full(1, 0.5)},
            "far": {"real": FAR, "fake": -FAR, "interpolation": np.ones(1)},
        },
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=any_batch(jaxloss.lipschitz_penalty, real=1, fake=1, interpolation=0),
        draw=_pairs,
        oracle=_excess,
        source="Petzka et al. (2018), with the slope of a quadratic critic in closed form",
        leading=(_critic, CURVATURES),
        hypers={"max_norm": 0.5},
        bad_hypers=({"max_norm": 0.0}, {"max_norm": -1.0}),
        cancels="the norm is near its limit where the penalty is small",
        perfect=_short,
        convex=True,
        extremes={
            "flat": {"real": np.zeros((1, 3)), "fake": np.zeros((1, 3)), "interpolation": np.full(1, 0.5)},
            "at the limit": {
                "real": np.array([[2.0, 0, 0]]),
                "fake": np.array([[2.0, 0, 0]]),
                "interpolation": np.full(1, 0.5),
            },
            "far": {"real": FAR, "fake": -FAR, "interpolation": np.ones(1)},
        },
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=any_batch(jaxloss.r1_penalty, real=1),
        draw=_examples("real"),
        oracle=lambda real: _half_square(real),
        source="Mescheder et al. (2018), with the slope of a quadratic discriminator in closed form",
        leading=(_critic, CURVATURES),
        perfect=_flat("real"),
        convex=True,
        extremes={"far": {"real": FAR}},
        exempt={"half_precision": CAST},
    ),
    Case(
        fn=any_batch(jaxloss.r2_penalty, fake=1),
        draw=_examples("fake"),
        oracle=lambda fake: _half_square(fake),
        source="Mescheder et al. (2018), with the slope of a quadratic discriminator in closed form",
        leading=(_critic, CURVATURES),
        perfect=_flat("fake"),
        convex=True,
        extremes={"far": {"fake": FAR}},
        exempt={"half_precision": CAST},
    ),
]
