"""Errors whose selections stand in the rule of the derivative.

They are summed next. XLA on CPU fuses sums, products, maxima, minima, magnitudes, roots and exponentials into a sum;
it stores a full array for a comparison, a sign or a clip in front of one.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array

__all__ = ["apart", "distance", "huber", "smooth_distance"]


def _distance_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    x, y = primals
    one = jnp.ones((), x.dtype)
    # A product in front leaves a residue in a difference and none in a comparison; NaN is neither above nor below.
    slope = jnp.where(x > y, one, jnp.where(x < y, -one, y - x))
    return distance(x, y), slope * (tangents[0] - tangents[1])


@with_rule(_distance_jvp)
def distance(x: Array, y: Array) -> Array:
    """``|x - y|`` with slope 0 where they are equal, behind a product too."""
    return jnp.abs(x - y)


def _huber_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    x, y, delta = primals
    value, (delta, back) = huber(x, y, delta), (apart(delta), y - x)
    slope = -jnp.clip(back, -delta, delta)
    return value, slope * (tangents[0] - tangents[1]) + positive_part(jnp.abs(back) - delta) * tangents[2]


@with_rule(_huber_jvp)
def huber(x: Array, y: Array, delta: Array) -> Array:
    """Half the square of ``x - y`` up to ``delta``, from there on a line with the same slope."""
    size = jnp.abs(x - y)
    near = jnp.minimum(size, delta)
    return near * (size - 0.5 * near)


def _smooth_distance_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    x, y, beta = primals
    value, beta = smooth_distance(x, y, beta), jnp.maximum(apart(beta), float(jnp.finfo(beta.dtype).tiny))
    share = -jnp.clip((y - x) / beta, -1, 1)
    return value, share * (tangents[0] - tangents[1]) - 0.5 * jnp.square(share) * tangents[2]


@with_rule(_smooth_distance_jvp)
def smooth_distance(x: Array, y: Array, beta: Array) -> Array:
    """`huber` over its threshold, ``|x - y|`` for one of 0; its slope is ``clip((x - y) / beta, -1, 1)``."""
    size, beta = jnp.abs(x - y), jnp.maximum(beta, float(jnp.finfo(beta.dtype).tiny))
    near = jnp.minimum(size, beta)
    return (near / beta) * (size - 0.5 * near)


def apart(x: Array) -> Array:
    """The same number, which the compiler takes for another one.

    XLA on CPU stores what value and slope share, a constant that is broadcast too: a rule of derivatives takes its
    hyperparameters by this and computes its differences the other way round.
    """
    return jax.lax.optimization_barrier(x)
