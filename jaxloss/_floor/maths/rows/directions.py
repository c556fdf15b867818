"""One minus the cosine of two vectors, as half the squared chord between their directions.

It reads each vector as often as the plain formula does. Vectors whose squares would leave the range of the dtype are
scaled first, by a power of two. A CPU does so only where a batch has such a vector; elsewhere the largest entries are
found in the same pass as the sums, and a branch would cost more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import apart
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array

__all__ = ["half_squared_chord"]


class _Rows(NamedTuple):
    """What is known of each pair of vectors after ``x`` was multiplied by ``up`` and ``y`` by ``other_up``."""

    half_chord: Array
    """1 where one of them is 0."""
    up: Array
    """Powers of two, constants of differentiation."""
    other_up: Array
    square: Array
    """The squared lengths."""
    other_square: Array
    gap: Array
    """The inner product of their difference with each of them."""
    other_gap: Array


def half_squared_chord(x: Array, y: Array, where: Array | None = None) -> Array:
    """One minus the cosine over the last axis, exactly 0 with zero slope for equal vectors; 1, flat, where one is 0.

    Vectors of 16 bits are raised on the way, so that no copy of them is stored. Of rows that ``where`` leaves out the
    result is 0 and the slope too: hidden before, they would be stored once more.
    """
    return _rows(x, y, where).half_chord


def _rows_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[_Rows, _Rows]:
    rows, where = _rows(*primals), primals[2]
    h, up, other_up, square, other_square, gap, other_gap = rows
    # Behind a barrier, or XLA on CPU would store raised vectors for value and slope.
    x, y = jax.lax.optimization_barrier(primals[:2])
    (x, x_dot), (y, y_dot) = (
        [hide(where, z, event_ndim=1).astype(up.dtype) * scale[..., None] for z in pair]
        for pair, scale in (((x, tangents[0]), up), ((y, tangents[1]), other_up))
    )
    none = (square == 0) | (other_square == 0)
    zero, one = jnp.zeros((), h.dtype), jnp.ones((), h.dtype)
    unless = lambda factor: jnp.where(none, zero, factor)[..., None]
    length, other = jnp.where(none, one, square), jnp.where(none, one, other_square)
    both, lack = jnp.sqrt(length) * jnp.sqrt(other), _lack(length, other)
    # Each slope is the part of the chord that is orthogonal to its own vector, by digits of the difference.
    radial, other_radial = (gap + lack * both * (1 - h)) / length, (other_gap + lack * other) / other
    slope = (x - y) + y * unless(lack) - x * unless(radial)
    other_slope = (y - x) - y * unless(lack - other_radial)
    dot = lambda u, v: jnp.sum(u * v, axis=-1)
    constant = jnp.zeros_like(up)
    return rows, _Rows(
        half_chord=dot(slope * unless(1 / length), x_dot) + dot(other_slope * unless(1 / both), y_dot),
        up=constant,
        other_up=constant,
        square=2 * dot(x, x_dot),
        other_square=2 * dot(y, y_dot),
        gap=dot(2 * x - y, x_dot) - dot(x, y_dot),
        other_gap=dot(y, x_dot) + dot(x - 2 * y, y_dot),
    )


@with_rule(_rows_jvp)
def _rows(x: Array, y: Array, where: Array | None) -> _Rows:
    args = (x, y) if where is None else (x, y, where)
    axes = tuple(dict.fromkeys(axis for arg in args for axis in varying_axes(arg)))
    rows = jax.lax.platform_dependent(*vary_over(args, axes), cpu=_scaled_by_need, default=_scaled)
    return _Rows(*(hide(where, part, fill=fill) for part, fill in zip(rows, (0, 1, 1, 1, 1, 0, 0), strict=True)))


def _scaled(x: Array, y: Array, _: Array | None = None) -> _Rows:
    up, other_up = (_up(z) for z in promote(x, y))
    # For each use anew: XLA on CPU would store the products.
    scaled = lambda: tuple(z * apart(s)[..., None] for z, s in zip(promote(x, y), (up, other_up), strict=True))
    return _of_scaled(scaled)._replace(up=up, other_up=other_up)


def _plain(x: Array, y: Array, *squares: Array) -> _Rows:
    # For each use anew: XLA on CPU would store the raised vectors.
    return _of_scaled(lambda: promote(*jax.lax.optimization_barrier((x, y))), *squares)


def _of_scaled(pair: Callable[[], tuple[Array, ...]], *squares: Array) -> _Rows:
    """The rows of vectors whose squares stay in the range of the dtype, and are these where they are known."""
    square, other_square = squares or map(_square, pair())
    none, one = (square == 0) | (other_square == 0), vary_over(jnp.ones_like(square), varying_axes(square))
    length, other = jnp.where(none, one, square), jnp.where(none, one, other_square)
    # Of equal vectors both summands are exactly 0, where a difference of two products by rounded factors need not be.
    # The select is there for XLA on CPU, which would compute what is before it anew for every entry of the sum.
    lack = jnp.where(none, 0 * one, _lack(length, other))
    (x, y), (u, v), (z, w) = pair(), pair(), pair()
    half_chord = 0.5 * _square((x - y) + y * lack[..., None]) / length
    half_chord = jnp.where(none, one + 0 * half_chord, half_chord)  # NaN and infinity beside a vector of 0 are no 1
    gap, other_gap = jnp.sum((u - v) * u, axis=-1), jnp.sum((z - w) * w, axis=-1)
    return _Rows(half_chord, one, one, square, other_square, gap, other_gap)


def _scaled_by_need(x: Array, y: Array, where: Array | None = None) -> _Rows:
    squares = tuple(hide(where, _square(z), fill=1) for z in promote(x, y))
    # Within these bounds even the squares of a chord that is but a rounding error are normal numbers, and a difference
    # has the digits of the shorter vector.
    bound = float(jnp.finfo(squares[0].dtype).tiny) ** 0.375
    short, long = (jnp.minimum(choice(*squares), 2 / bound) for choice in (jnp.minimum, jnp.maximum))
    usual = (jnp.min(short, initial=jnp.inf) > bound) & (jnp.max(long, initial=0) < 1 / bound)
    alike = jnp.max(long - 4 * short, initial=-jnp.inf) < 0
    return jax.lax.cond(usual & alike, _plain, lambda x, y, *_: _scaled(x, y), x, y, *squares)


def _lack(length: Array, other: Array) -> Array:
    """One minus the ratio of the lengths, exactly 0 for equal squares."""
    return (other - length) / (other + jnp.sqrt(length) * jnp.sqrt(other))


def _square(x: Array) -> Array:
    return jnp.sum(jnp.square(x), axis=-1)


def _up(x: Array) -> Array:
    """A power of two that takes the largest entry near 1, and nothing out of the range of the dtype."""
    return jnp.minimum(1 / numerics.binary_scale_of(x)[..., 0], 2.0 ** (-int(jnp.finfo(x.dtype).minexp) - 16))
