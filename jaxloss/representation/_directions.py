"""Unit vectors that are computed again wherever they are needed, from rows that are in memory anyway.

Contrast in chunks holds the rows, their gradients and one chunk. Normalised copies of all rows would be most of its
memory. A compiler for TPUs makes them while it multiplies.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array

__all__ = ["Directed", "directed", "direction", "direction_again"]


class Directed(NamedTuple):
    """Rows of which the direction counts.

    Attributes:
        rows: Shape ``[..., N, D]``.
        power: A power of two for each row, ``[..., N, 1]``, that takes it to where squares neither vanish nor overflow.
        inverse: One over the length of ``rows * power``, 0 for a zero row, ``[..., N, 1]``.
    """

    rows: Array
    power: Array
    inverse: Array


def directed(rows: Array) -> Directed:
    """``rows`` with their lengths."""
    power = 1 / numerics.binary_scale_of(rows)
    length = numerics.sqrt(jnp.sum(jnp.square(rows * power), axis=-1, keepdims=True))
    return Directed(rows, power, numerics.divide(jnp.ones_like(length), length))


@jax.custom_jvp
def direction(of: Directed) -> Array:
    """The rows at length 1; a zero row stays 0, with zero derivatives."""
    return of.rows * of.power * of.inverse


@direction.defjvp
def _direction_jvp(primals: tuple[Directed], tangents: tuple[Directed]) -> tuple[Array, Array]:
    (of,), (dot,) = primals, tangents
    value, tangent = direction(of), dot.rows * of.power * of.inverse
    # The length is that of the rows, so that its tangent is known.
    return value, tangent - value * jnp.sum(value * tangent, axis=-1, keepdims=True)


@jax.custom_jvp
def direction_again(_known: Array, of: Directed) -> Array:
    """``_known``, which is ``direction(of)``, without holding it: only its tangent is taken.

    So what is summed up over chunks is the gradient of the directions, and that of the rows is made once.
    """
    return of.rows * of.power * of.inverse


direction_again.defjvp(lambda primals, tangents: (direction_again(*primals), tangents[0]))
