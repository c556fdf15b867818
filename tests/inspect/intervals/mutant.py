"""A loss with a known fault, and how such losses are drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import jax
import numpy as np

from jaxloss.inspect.subject import Subject

Loss = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A loss and the truth about it.

    Attributes:
        subject: The loss, with the kinks that it declares, right or wrong.
        truth: Row to whether it holds; a row that is missing was not worked out.
        steepest: The slope is at least so large somewhere; inf if the value jumps.
        strongest: The second derivative, off the kinks, is at least so large in size somewhere.
    """

    subject: Subject
    truth: Mapping[str, bool]
    steepest: float = 0.0
    strongest: float = 0.0


def subject(name: str, fn: Loss, kinks: tuple[float, ...] = ()) -> Subject:
    return Subject(name, fn, "residual", kinks=kinks)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Uniform in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def place(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]) * between(rng, 0.3, 30.0))


def grid(centre: float, width: float) -> np.ndarray:
    near = centre + width * np.linspace(-9, 9, 4001)
    points = np.concatenate([near, np.linspace(-50, 50, 4001)])
    return points[np.abs(points) <= 50]


def by_formula(
    slope: Callable[[np.ndarray], np.ndarray], curvature: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> tuple[dict[str, bool], float, float]:
    """What the exact derivatives say, where they say it clearly."""
    slopes, curvatures = slope(points), curvature(points)
    truth = {"smooth": True, "lipschitz": True, "gradient": True, "curvature": True}
    least = curvatures.min()
    if abs(least) > 1e-3 * np.abs(curvatures).max():
        truth["convex"] = bool(least > 0)
    away = np.sign(points) * slopes
    if away.min() < -1e-3 * np.abs(slopes).max():
        truth["pseudo_convex"] = False
    return truth, float(np.abs(slopes).max()), float(np.abs(curvatures).max())
