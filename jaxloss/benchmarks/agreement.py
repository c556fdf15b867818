"""Whether two results are the same loss: nothing is timed before that is known."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["TOLERANCE", "difference"]

TOLERANCE = {"float64": 1e-5, "float32": 1e-5, "bfloat16": 2.0**-5, "float16": 2.0**-8}
"""Largest difference, relative to the largest entry, between results of which the coarser has this dtype: four
units in the last place of 16 bits, and in 32 what the order of a sum of ten million numbers decides."""


@jax.jit
def _gap(ours: jax.Array, theirs: jax.Array) -> tuple[jax.Array, jax.Array]:
    ours, theirs = ours.astype(jnp.float32), theirs.astype(jnp.float32)
    return jnp.max(jnp.abs(ours - theirs), initial=0), jnp.max(jnp.abs(ours), initial=0)


def difference(first: Any, other: Any, tolerance: float | None = None) -> tuple[float, bool]:
    """The largest difference of two trees, relative to the largest entry of each leaf; whether it is allowed.

    Args:
        first, other: Trees of one structure, such as a value or a tuple of gradients.
        tolerance: The largest difference that is allowed; None takes that of the coarser dtype of every leaf.
    """
    worst, agree = 0.0, True
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True):
        a, b = jnp.asarray(a), jnp.asarray(b)
        if a.shape != b.shape:
            return math.inf, False
        gap, scale = (float(x) for x in _gap(a, b))
        relative = gap / scale if scale else gap
        allowed = max(TOLERANCE[str(x.dtype)] for x in (a, b)) if tolerance is None else tolerance
        agree = agree and relative <= allowed
        worst = relative if math.isnan(relative) else max(worst, relative)
    return worst, agree
