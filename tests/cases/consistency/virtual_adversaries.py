"""Cases of virtual adversarial training, on a network whose Jacobian is known in closed form."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import any_batch

KERNEL = np.random.default_rng(0).normal(size=(3, 4))
NAMES = ("inputs", "directions")


def _network(params, inputs):
    return (inputs + 0.25 * jnp.square(inputs)) @ params


def _logits(x):
    return (x + 0.25 * x**2) @ KERNEL


def _perturbation(x, direction, radius, iterations):
    """By the Fisher information of one input, as a matrix."""
    jacobian = (KERNEL * (1 + 0.5 * x)[:, None]).T
    p = scipy.special.softmax(_logits(x))
    fisher = jacobian.T @ (np.diag(p) - np.outer(p, p)) @ jacobian
    turned = np.linalg.matrix_power(fisher, iterations) @ direction
    return radius * turned / np.linalg.norm(turned)


def _each(inputs, directions, radius=1.0, iterations=1):
    for i in np.ndindex(inputs.shape[:-1]):
        x = inputs[i]
        moved = x + _perturbation(x, directions[i], radius, iterations)
        yield i, scipy.special.softmax(_logits(x)), scipy.special.softmax(_logits(moved)), moved


def _divergence(inputs, directions, **hypers):
    values = np.zeros(inputs.shape[:-1])
    for i, p, q, _ in _each(inputs, directions, **hypers):
        values[i] = scipy.special.rel_entr(p, q).sum()
    return values


def _slopes(inputs, directions, **hypers):
    """The gradient in the perturbed input, with the prediction at the clean one and the perturbation held fast."""
    slopes = np.zeros(inputs.shape)
    for i, p, q, moved in _each(inputs, directions, **hypers):
        slopes[i] = (KERNEL * (1 + 0.5 * moved)[:, None]) @ (q - p)
    return {"inputs": slopes}


def _with_zeros(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"inputs": rng.normal(size=(*batch, 3)), "directions": np.zeros((*batch, 3))}


CASES = [
    Case(
        fn=any_batch(jaxloss.virtual_adversarial_loss, inputs=1, directions=1),
        draw=lambda rng, batch: draws.pair(*NAMES, 1.0)(rng, (*batch, 3)),
        oracle=_divergence,
        source="Miyato et al. (2018), with the Fisher information of a quadratic network as a matrix",
        leading=(_network, KERNEL),
        hypers={"radius": 0.5, "iterations": 3},
        static=("iterations",),
        ends=({"radius": 0.0, "iterations": 3}, {"radius": 0.5, "iterations": 0}),
        bad_hypers=({"radius": -1.0}, {"iterations": -1}),
        constant={"directions": "they only start the search for the perturbation, which is a constant"},
        slopes=_slopes,
        perfect=_with_zeros,
        cancels="the logits of both points are rounded before they meet",
        extremes={
            "saturated": {"inputs": np.array([[40.0, -30.0, 50.0]]), "directions": np.ones((1, 3))},
            "no direction": {"inputs": np.ones((1, 3)), "directions": np.zeros((1, 3))},
            "any size": {"inputs": np.array([[0.0, 1e-30, 1.0]]), "directions": np.array([[1e30, 1e-30, 0.0]])},
        },
        exempt={
            "derivatives": "the perturbation and the prediction at the clean input are constants",
            "half_precision": "the network computes in the dtype of its inputs",
        },
    ),
]
