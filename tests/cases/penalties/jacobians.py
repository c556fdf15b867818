"""Cases of the penalty on Jacobians, on a function whose Jacobian is known in closed form."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import any_batch

KERNEL = np.random.default_rng(0).normal(size=(3, 4))


@functools.wraps(jaxloss.jacobian_penalty)
def _probes_by_example(function, params, inputs, probes, **rest):
    """The laws draw the probes with the batch axes first, as all inputs."""
    return jaxloss.jacobian_penalty(function, params, inputs, jnp.moveaxis(jnp.asarray(probes), 1, 0), **rest)


def _function(params, inputs):
    return 0.5 * jnp.square(inputs) @ params


def _probes(count: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {"inputs": rng.normal(size=(*batch, 3)), "probes": rng.normal(size=(*batch, count, 3))}

    return draw


def _size(inputs, probes):
    """The Jacobian of the quadratic function in closed form."""
    jacobians = np.swapaxes(KERNEL, 0, 1) * inputs[..., None, :]
    moved = np.einsum("...kd,...pd->...pk", jacobians, probes)
    return np.average(np.linalg.norm(moved, axis=-1) ** 2, axis=-1)


CASES = [
    Case(
        fn=any_batch(_probes_by_example, inputs=1, probes=2),
        draw=_probes(2),
        oracle=_size,
        source="Hoffman et al. (2019), with the Jacobian of a quadratic function in closed form",
        leading=(_function, KERNEL),
        perfect=lambda rng, batch: {**_probes(2)(rng, batch), "inputs": np.zeros((*batch, 3))},
        convex=True,
        structures={"one probe": _probes(1), "three probes": _probes(3)},
        cancels="the entries of a moved output are sums of terms of either sign",
        extremes={"any size": {"inputs": np.array([[1e8, 0.0, 1e-30]]), "probes": np.ones((1, 2, 3))}},
        exempt={"half_precision": "the function that is differentiated computes in the dtype of its inputs"},
    ),
]
