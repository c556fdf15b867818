"""What a few evaluations tell about a loss: whether it takes numbers, where it is defined, where its slope jumps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["OneNumber", "equal", "jumps", "kinks", "legal", "takes_numbers", "values"]

OneNumber = Callable[[jax.Array], jax.Array]
"""A loss of one number."""

KINK_NAMES = ("delta", "beta", "threshold", "half_width", "scale", "epsilon", "gamma", "margin")
"""Hyperparameters in the units of the number, at whose value, or at 1 minus it, the slope may jump."""


def takes_numbers(fn: Callable[..., Any], count: int) -> bool:
    """Whether a function of single numbers gives a single number; losses of vectors refuse them."""
    try:
        found = jax.eval_shape(fn, *[jax.ShapeDtypeStruct((), jnp.float32)] * count)
    except (TypeError, ValueError):
        return False
    return isinstance(found, jax.ShapeDtypeStruct) and found.shape == ()


def values(fn: Callable[..., jax.Array], *columns: np.ndarray) -> np.ndarray:
    """A function of single numbers at many of them, in float64."""
    with jax.enable_x64(True):
        flat = [jnp.asarray(np.ravel(column), jnp.float64) for column in columns]
        return np.asarray(jax.jit(jax.vmap(fn))(*flat))


def equal(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.all(np.isfinite(found)) and np.allclose(found, expected, rtol=1e-9, atol=1e-12))


def legal(*fns: OneNumber) -> tuple[float, float]:
    """Where losses are defined, of the intervals that occur: the contract makes them NaN elsewhere.

    An end that is excluded is replaced by the next number that processors do not flush to it.
    """
    probes = np.array([-1.0, 0.0, 1.0, 2.0])
    below, zero, one, above = (all(bool(np.isfinite(v)) for v in row) for row in zip(*_ends(fns, probes), strict=True))
    low = -math.inf if below else 0.0 if zero else float(np.finfo(np.float32).tiny)
    high = math.inf if above else 1.0 if one else math.nextafter(1.0, 0.0)
    return low, high


def _ends(fns: tuple[OneNumber, ...], probes: np.ndarray) -> Iterator[np.ndarray]:
    return (values(fn, probes) + values(jax.grad(fn), probes) for fn in fns)


def kinks(fn: OneNumber, parameters: Mapping[str, Any]) -> list[float]:
    """The places that hyperparameters name at which slope or curvature jumps.

    A kink at a number that a program computes exactly is found by the interval engine itself. One at a hyperparameter
    such as 1.345 is not hit by bisection.
    """
    sizes = {float(parameters[name]) for name in KINK_NAMES if isinstance(parameters.get(name), int | float)}
    places = sorted({place for size in sizes for place in (size, -size, 1 - size, size - 1)} - {0.0})
    return jumps(fn, places)


def jumps(fn: OneNumber, places: Sequence[float]) -> list[float]:
    """Those of some places at which slope or curvature jumps."""
    if not places:
        return []
    steps = 1e-6 * np.maximum(np.abs(np.array(places)), 1e-3)
    sides = np.array(places) + steps * np.array([[-2.0], [-1.0], [1.0], [2.0]])
    found = np.zeros(len(places), bool)
    for order in (jax.grad(fn), jax.grad(jax.grad(fn))):
        far_left, left, right, far_right = values(order, sides).reshape(sides.shape)
        # Between points half as far apart a smooth function changes half as much, and a jump stays.
        found |= np.abs(right - left) > np.maximum(0.75 * np.abs(far_right - far_left), 1e-9)
    return [place for place, jump in zip(places, found, strict=True) if jump]
