"""Errors in the form that a CPU sums in the least time.

XLA on CPU fuses sums, products, maxima, minima, magnitudes, roots and exponentials into the sum that follows, and
computes them there one by one; a comparison, a sign, a clip or a selection and all in front of it become one loop that
stores an array. So an error of two or three steps has its selections in the rule of the derivative, and a longer one
ends with a selection.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import blank, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["apart", "apart_on_cpu", "blank_narrow", "distance", "huber", "read_again", "smooth_distance"]


def _distance_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = promote(*map(read_again, primals)), promote(*tangents)
    one = jnp.ones((), x.dtype)
    # A product in front leaves a residue in a difference and none in a comparison; NaN is neither above nor below.
    slope = jnp.where(x > y, one, jnp.where(x < y, -one, y - x))
    return distance(*primals), slope * (x_dot - y_dot)


@with_rule(_distance_jvp)
def distance(x: Array, y: Array) -> Array:
    """``|x - y|`` with slope 0 where they are equal, behind a product too; arrays of 16 bits are raised."""
    x, y = promote(x, y)
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
    return jnp.where(size <= delta, (0.5 * size) * size, delta * (size - 0.5 * delta))


def _smooth_distance_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    x, y, beta = primals
    value, beta = smooth_distance(x, y, beta), jnp.maximum(apart(beta), float(jnp.finfo(beta.dtype).tiny))
    share = -jnp.clip((y - x) / beta, -1, 1)
    return value, share * (tangents[0] - tangents[1]) - 0.5 * jnp.square(share) * tangents[2]


@with_rule(_smooth_distance_jvp)
def smooth_distance(x: Array, y: Array, beta: Array) -> Array:
    """`huber` over its threshold, ``|x - y|`` for one of 0; its slope is ``clip((x - y) / beta, -1, 1)``."""
    size, beta = jnp.abs(x - y), jnp.maximum(beta, float(jnp.finfo(beta.dtype).tiny))
    return jnp.where(size <= beta, (size / beta) * (0.5 * size), size - 0.5 * beta)


def apart(x: Array) -> Array:
    """The same number, which the compiler takes for another one.

    XLA on CPU stores what value and slope share, a constant that is broadcast too: a rule of derivatives takes its
    hyperparameters by this and computes its differences the other way round.
    """
    return jax.lax.optimization_barrier(x)


def apart_on_cpu(*arrays: Array) -> list[Array]:
    """`apart` on a CPU, and the arrays themselves elsewhere: other compilers fuse value and slope."""
    each = lambda x: jax.lax.platform_dependent(x, cpu=apart, default=lambda same: same)
    return [each(array) for array in arrays]


def blank_narrow(where: ArrayLike | None, *arrays: Array) -> tuple[Array, ...]:
    """`jaxloss.blank`, which without a mask leaves 16-bit floating arrays as they are: what follows raises them.

    With a mask, raising costs nothing: it is done in the loop of the selections.
    """
    return arrays if where is None and all(map(_is_narrow, arrays)) else blank(where, *arrays)


def read_again(x: Array) -> Array:
    """`apart_on_cpu` for arrays of 16 bits, in a rule of derivatives.

    Value and slope would share what they were raised to, twice as large, which XLA on CPU stores. Others fuse the two,
    and would have to store the array itself.
    """
    return apart_on_cpu(x)[0] if _is_narrow(x) else x


def _is_narrow(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize == 2
