"""A greedy random search for the largest value of a score, from starts of all scales."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.rows.sampling import quick

__all__ = ["REACH", "STARTS", "STEPS", "climb", "starts"]

REACH = 50.0
"""Numbers stay within this distance of 0."""
STARTS = 300
STEPS = 60
SCALES = 10.0 ** np.arange(-3.0, 2.0)

Score = Callable[[jax.Array, Any], jax.Array]
"""From a point and the other inputs to what should be large."""
Carry = tuple[jax.Array, jax.Array]
"""The best points until now, and their scores."""


def starts(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Points of all scales, ``[STARTS, *shape]``."""
    scales = np.resize(SCALES, (STARTS, *[1] * len(shape)))
    return np.clip(rng.normal(size=(STARTS, *shape)) * scales, -REACH, REACH)


def climb(score: Score, points: np.ndarray, others: Any, *, downhill: Score | None = None) -> tuple[np.ndarray, Any]:
    """Move points by random steps of all lengths and keep what scores higher.

    Args:
        score: What should be large; NaN counts as lowest.
        points: Where the search starts, ``[STARTS, ...]``.
        others: Inputs of the score that stay, a pytree whose leaves have the axis of starts first.
        downhill: A function against whose gradient every other step goes; None for random steps alone.

    Returns:
        The best points and their scores.
    """
    rng = np.random.default_rng(20240607)
    # Drawn beforehand: a generator inside the program would be most of what there is to compile.
    lengths = 10.0 ** rng.uniform(-4, 1, size=(STEPS, len(points), *[1] * (points.ndim - 1)))
    strides = lengths * rng.normal(size=(STEPS, *points.shape))
    strides[0] = 0.0
    by_slope = np.arange(STEPS) % 2 == 1

    def move(point: jax.Array, fixed: Any, stride: jax.Array, follow: jax.Array) -> jax.Array:
        if downhill is not None:
            slope = -jax.grad(downhill)(point, fixed)
            down = slope * (jnp.linalg.norm(stride) / (jnp.linalg.norm(slope) + 1e-300))
            stride = jnp.where(follow, down, stride)
        return jnp.clip(point + stride, -REACH, REACH)

    @functools.partial(jax.jit, compiler_options=quick())
    def run(start: jax.Array, fixed: Any, strides: jax.Array, by_slope: jax.Array) -> Carry:
        def step(carry: Carry, drawn: tuple[jax.Array, jax.Array]) -> tuple[Carry, None]:
            places, best = carry
            moved = jax.vmap(move, in_axes=(0, 0, 0, None))(places, fixed, *drawn)
            values = jax.vmap(score)(moved, fixed)
            better = values > best
            kept = jnp.where(better.reshape(-1, *[1] * (moved.ndim - 1)), moved, places)
            return (kept, jnp.where(better, values, best)), None

        nothing = jnp.full(len(start), -jnp.inf, start.dtype)
        return jax.lax.scan(step, (start, nothing), (strides, by_slope))[0]

    best, values = run(jnp.asarray(points), others, jnp.asarray(strides), jnp.asarray(by_slope))
    return np.asarray(best), np.asarray(values)
