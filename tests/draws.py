"""Common ways to draw legal inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.cases import Inputs, Shape

Draw = Callable[[np.random.Generator, Shape], Inputs]


def pair(first: str = "predictions", second: str = "targets", scale: float = 2.0) -> Draw:
    """Two normal arrays of one shape, a moderate distance apart."""
    return lambda rng, batch: {first: scale * rng.normal(size=batch), second: scale * rng.normal(size=batch)}


def equal_pair(first: str = "predictions", second: str = "targets") -> Draw:
    """Two equal arrays: a perfect fit."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        values = rng.normal(size=batch)
        return {first: values, second: values.copy()}

    return draw


def simplex(rng: np.random.Generator, batch: Shape, classes: int) -> np.ndarray:
    """Strictly positive probabilities over the last axis."""
    raw = rng.gamma(2.0, size=(*batch, classes)) + 0.1
    return raw / raw.sum(-1, keepdims=True)


def scores_and_labels(classes: int = 5, first: str = "logits", second: str = "labels") -> Draw:
    """Class scores ``[..., classes]`` and integer labels ``[...]``."""
    return lambda rng, batch: {
        first: 2 * rng.normal(size=(*batch, classes)),
        second: rng.integers(0, classes, size=batch).astype(np.int32),
    }


def half_of(name: str) -> Callable[[Inputs], Inputs]:
    """A mistake: probabilities, or their logarithms, that sum to one half."""
    halve = (lambda x: x - np.log(2.0)) if name.startswith("log_") else (lambda x: 0.5 * x)
    return lambda inputs: {**inputs, name: halve(inputs[name])}


def centred(name: str) -> Callable[[Inputs], Inputs]:
    """A mistake: boxes as centre, width and height, far from the origin."""
    return lambda inputs: {**inputs, name: np.concatenate([inputs[name][..., :2] + 1e3, inputs[name][..., 2:]], -1)}


def bytes_of(name: str) -> Callable[[Inputs], Inputs]:
    """A mistake: images with values from 0 to 255."""
    return lambda inputs: {**inputs, name: 255 * inputs[name]}
