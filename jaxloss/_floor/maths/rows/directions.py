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


def half_squared_chord(x: Array, y: Array, where: Array | None = None, *, difference: Array | None = None) -> Array:
    """One minus the cosine over the last axis, exactly 0 with zero slope for equal vectors; 1, flat, where one is 0.

    Vectors of 16 bits are raised on the way, so that no copy of them is stored. Of rows that ``where`` leaves out the
    result is 0 and the slope too: hidden before, they would be stored once more. ``difference`` is ``x - y`` by a
    caller who knows digits of it that ``x`` and ``y`` have lost; its own tangent is not read, for theirs say the same.
    """
    return _rows(x, y, where, difference).half_chord


def _rows_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[_Rows, _Rows]:
    rows, where = _rows(*primals), primals[2]
    h, up, other_up, square, other_square, gap, other_gap = rows
    # Behind a barrier, or XLA on CPU would store raised vectors for value and slope.
    x, y, difference = jax.lax.optimization_barrier((*primals[:2], primals[3]))
    (x, x_dot), (y, y_dot) = (
        [hide(where, z, event_ndim=1).astype(up.dtype) * scale[..., None] for z in pair]
        for pair, scale in (((x, tangents[0]), up), ((y, tangents[1]), other_up))
    )
    apart_by = _difference(x, y, difference, up, other_up)
    none = (square == 0) | (other_square == 0)
    zero, one = jnp.zeros((), h.dtype), jnp.ones((), h.dtype)
    unless = lambda factor: jnp.where(none, zero, factor)[..., None]
    length, other = jnp.where(none, one, square), jnp.where(none, one, other_square)
    both = jnp.sqrt(length) * jnp.sqrt(other)
    lack = _lack(length, other, None if difference is None else -(gap + other_gap))
    # Each slope is the part of the chord that is orthogonal to its own vector, by digits of the difference.
    radial, other_radial = (gap + lack * both * (1 - h)) / length, (other_gap + lack * other) / other
    slope = apart_by + y * unless(lack) - x * unless(radial)
    other_slope = -apart_by - y * unless(lack - other_radial)
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
def _rows(x: Array, y: Array, where: Array | None, difference: Array | None) -> _Rows:
    args = (x, y, where, difference)
    axes = tuple(dict.fromkeys(axis for arg in jax.tree.leaves(args) for axis in varying_axes(arg)))
    rows = jax.lax.platform_dependent(*vary_over(args, axes), cpu=_scaled_by_need, default=_scaled)
    return _Rows(*(hide(where, part, fill=fill) for part, fill in zip(rows, (0, 1, 1, 1, 1, 0, 0), strict=True)))


def _scaled(x: Array, y: Array, _: Array | None, difference: Array | None) -> _Rows:
    up, other_up = (_up(z) for z in promote(x, y))

    def scaled() -> tuple[Array, Array, Array]:
        # For each use anew: XLA on CPU would store the products.
        z, w = (z * apart(s)[..., None] for z, s in zip(promote(x, y), (up, other_up), strict=True))
        return z, w, _difference(z, w, difference, up, other_up)

    return _of_scaled(scaled, difference is not None)._replace(up=up, other_up=other_up)


def _plain(x: Array, y: Array, difference: Array | None, *squares: Array) -> _Rows:
    def raised() -> tuple[Array, Array, Array]:
        # For each use anew: XLA on CPU would store the raised vectors.
        u, v, apart_by = jax.lax.optimization_barrier((x, y, difference))
        u, v = promote(u, v)
        return u, v, u - v if apart_by is None else apart_by

    return _of_scaled(raised, difference is not None, *squares)


def _difference(x: Array, y: Array, difference: Array | None, up: Array, other_up: Array) -> Array:
    """``x - y`` of scaled vectors, from what is known of those before."""
    if difference is None:
        return x - y
    return jnp.where((up == other_up)[..., None], difference * up[..., None], x - y)


def _of_scaled(vectors: Callable[[], tuple[Array, Array, Array]], known: bool, *squares: Array) -> _Rows:
    """The rows of vectors whose squares stay in the range of the dtype, and are these where they are known.

    ``vectors`` gives both and their difference, which is ``known`` if it has more digits than theirs: then that of the
    squared lengths is taken from it, in a pass of its own.
    """
    square, other_square = squares or map(_square, vectors()[:2])
    none, one = (square == 0) | (other_square == 0), vary_over(jnp.ones_like(square), varying_axes(square))
    length, other = jnp.where(none, one, square), jnp.where(none, one, other_square)
    (_, y, apart_by), (u, _, by_u), (_, w, by_w) = vectors(), vectors(), vectors()
    gap, other_gap = jnp.sum(by_u * u, axis=-1), jnp.sum(by_w * w, axis=-1)
    # Of equal vectors both summands are exactly 0, where a difference of two products by rounded factors need not be.
    # The select is there for XLA on CPU, which would compute what is before it anew for every entry of the sum.
    lack = jnp.where(none, 0 * one, _lack(length, other, -(gap + other_gap) if known else None))
    half_chord = 0.5 * _square(apart_by + y * lack[..., None]) / length
    half_chord = jnp.where(none, one + 0 * half_chord, half_chord)  # NaN and infinity beside a vector of 0 are no 1
    return _Rows(half_chord, one, one, square, other_square, gap, other_gap)


def _scaled_by_need(x: Array, y: Array, where: Array | None, difference: Array | None) -> _Rows:
    squares = tuple(hide(where, _square(z), fill=1) for z in promote(x, y))
    # Within these bounds even the squares of a chord that is but a rounding error are normal numbers, and a difference
    # has the digits of the shorter vector.
    bound = float(jnp.finfo(squares[0].dtype).tiny) ** 0.375
    short, long = (jnp.minimum(choice(*squares), 2 / bound) for choice in (jnp.minimum, jnp.maximum))
    usual = (jnp.min(short, initial=jnp.inf) > bound) & (jnp.max(long, initial=0) < 1 / bound)
    alike = jnp.max(long - 4 * short, initial=-jnp.inf) < 0
    scaled = lambda x, y, difference, *_: _scaled(x, y, None, difference)
    return jax.lax.cond(usual & alike, _plain, scaled, x, y, difference, *squares)


def _lack(length: Array, other: Array, difference: Array | None) -> Array:
    """One minus the ratio of the lengths, exactly 0 for equal squares; ``difference`` is that of the squares."""
    difference = other - length if difference is None else difference
    return difference / (other + jnp.sqrt(length) * jnp.sqrt(other))


def _square(x: Array) -> Array:
    return jnp.sum(jnp.square(x), axis=-1)


def _up(x: Array) -> Array:
    """A power of two that takes the largest entry near 1, and nothing out of the range of the dtype."""
    return jnp.minimum(1 / numerics.binary_scale_of(x)[..., 0], 2.0 ** (-int(jnp.finfo(x.dtype).minexp) - 16))
