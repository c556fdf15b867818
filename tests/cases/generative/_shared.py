"""Draws and oracles that several modules of generative models share."""

from __future__ import annotations

import numpy as np
import scipy.special

from tests import draws
from tests.cases import Inputs, Shape
from tests.draws import Draw

HUGE = 1e30
SURE = {"real_logits": np.array([HUGE, -HUGE, 0.0, 100.0]), "fake_logits": np.array([-HUGE, HUGE, 0.0, 100.0])}
SURE_FAKES = {"fake_logits": np.array([-HUGE, HUGE, 0.0, 100.0, -100.0])}
EVENT = (3, 2)
V_NUMBERS = ("alphas", "sigmas", "loss_weights")
SIGNED = "a density has values on both sides of 1, so its logarithm crosses 0"
CAST = "the function that is differentiated computes in the dtype of its examples"
STOPPED = "a stop-gradient, as the paper has it"


def only(name: str, scale: float = 2.0) -> Draw:
    return lambda rng, batch: {name: scale * rng.normal(size=batch)}


def scores(scale: float = 2.0) -> Draw:
    return draws.pair("real_logits", "fake_logits", scale)


def log_expit(x):
    return scipy.special.log_expit(x)


def vector_pair(first: str, second: str, size: int = 3) -> Draw:
    return lambda rng, batch: {n: rng.normal(size=(*batch, size)) for n in (first, second)}


def equal_vectors(first: str, second: str) -> Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        values = rng.normal(size=(*batch, 3))
        return {first: values, second: values.copy()}

    return draw


def far_vectors(first: str, second: str) -> Inputs:
    return {first: np.array([[1e18, 0.0, 1e-30]]), second: np.array([[-1e18, 0.0, -1e-30]])}


def noisy(*data: str, numbers: tuple[str, ...] = ("loss_weights",), event: Shape = EVENT) -> Draw:
    return lambda rng, batch: {
        **{n: rng.normal(size=(*batch, *event)) for n in data},
        **{n: rng.uniform(0.2, 2.0, size=batch) for n in numbers},
    }


def other_events(*data: str, numbers: tuple[str, ...] = ("loss_weights",)) -> dict[str, Draw]:
    """Examples of one entry and of one column."""
    return {
        "one entry": noisy(*data, numbers=numbers, event=(1, 1)),
        "one column": noisy(*data, numbers=numbers, event=(4, 1)),
    }


def exact(*data: str, numbers: tuple[str, ...] = ("loss_weights",)) -> Draw:
    """Whole data and numbers that are powers of two: no target is rounded."""
    return lambda rng, batch: {
        **{n: rng.integers(-4, 5, size=(*batch, *EVENT)).astype(float) for n in data},
        **{n: 0.5 ** rng.integers(0, 3, size=batch) for n in numbers},
    }


def equal_data(first: str, second: str) -> Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        inputs = noisy(first, second)(rng, batch)
        return {**inputs, first: inputs[second].copy()}

    return draw


def each_mean_square(residuals, loss_weights):
    """Example by example."""
    values = [w * np.mean([r**2 for r in residuals[i].ravel()]) for i, w in np.ndenumerate(loss_weights)]
    return np.reshape(values, np.shape(loss_weights))


def of_example(numbers):
    return np.asarray(numbers)[..., None, None]


def far(*data: str, numbers: tuple[str, ...] = ("loss_weights",)) -> Inputs:
    values = np.broadcast_to(np.array([1e18, 0.0, 1e-30])[:, None], (1, *EVENT))
    return {
        **{n: values.copy() for n in data[:1]},
        **dict.fromkeys(data[1:], -values),
        **{n: np.ones(1) for n in numbers},
    }
