"""What attracts two boxes beside their overlap: the distance of centres, the lengths of sides, and the turn of one.

Here an inverted side is one of length 0 at its middle.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths.numerics import difference, divide, magnitude, scale_of
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array
from jaxloss.vision.detection._intervals import Box, Interval, again, along, at_ends, share_above, up_to_unit

__all__ = ["relative_centres", "relative_distance", "relative_lengths", "relative_sides", "turn"]

Pair = tuple[Box, Box]


def _upright(interval: Interval) -> Interval:
    low, high = interval
    middle, inverted = low + 0.5 * (high - low), high < low
    return jnp.where(inverted, middle, low), jnp.where(inverted, middle, high)


def _at_both(interval: Interval, at_low: Array, at_high: Array) -> Interval:
    """Slopes at the ends of `_upright` as those at the ends themselves, which each move the middle by half."""
    (low, high), half = interval, jnp.full((), 0.5, at_low.dtype)
    mixed = jnp.where(high < low, half, 0 * half)
    return at_low + mixed * (at_high - at_low), at_high + mixed * (at_low - at_high)


def _at_unit_scale(box: Box, other: Box) -> tuple[tuple[Array, Array], tuple[Array, Array], Array]:
    """For each axis the difference of the centres and the side of the hull, and by what they are multiplied."""
    first, second = (tuple(map(_upright, each)) for each in (box, other))
    sides = [jnp.maximum(a[1], b[1]) - jnp.minimum(a[0], b[0]) for a, b in zip(first, second, strict=True)]
    up = up_to_unit(jnp.maximum(*sides))
    x, y = (
        (0.5 * ((a[0] - b[0]) * up + (a[1] - b[1]) * up), side * up)
        for a, b, side in zip(first, second, sides, strict=True)
    )
    return x, y, up


def _relative_distance_jvp(primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    def dot(box: Box, other: Box, box_dot: Box) -> Array:
        (x, wide), (y, tall), up = _at_unit_scale(box, other)
        down = divide(jnp.ones((), up.dtype), jnp.square(wide) + jnp.square(tall))
        ratio = (jnp.square(x) + jnp.square(y)) * down

        def by_ends(interval: Interval, other: Interval, apart: Array, side: Array) -> Interval:
            none, scale = jnp.zeros((), up.dtype), up * down
            at_low, at_high = at_ends(_upright(interval), _upright(other), -2 * ratio * side, none)
            return _at_both(interval, (apart + at_low) * scale, (apart + at_high) * scale)

        return along((by_ends(box[0], other[0], x, wide), by_ends(box[1], other[1], y, tall)), box_dot)

    (box, other), (box_dot, other_dot) = again(primals), tangents
    return relative_distance(*primals), dot(box, other, box_dot) + dot(other, box, other_dot)


@with_rule(_relative_distance_jvp)
def relative_distance(box: Box, other: Box) -> Array:
    """The squared distance of the centres over the squared diagonal of the hull, 0 without a diagonal."""
    (x, wide), (y, tall), _ = _at_unit_scale(box, other)
    return divide(jnp.square(x) + jnp.square(y), jnp.square(wide) + jnp.square(tall))


def relative_sides(box: Box, other: Box) -> Array:
    """For both axes the squared difference of the sides over the squared side of the hull, added; 0 without a hull."""
    total = jnp.zeros((), box[0][0].dtype)
    for interval, other_interval in zip(box, other, strict=True):
        (low, high), (other_low, other_high) = _upright(interval), _upright(other_interval)
        hull = jnp.maximum(high, other_high) - jnp.minimum(low, other_low)
        # Of ends, so that equal boxes have equal sides to the last digit.
        longer = difference(high, other_high) - difference(low, other_low)
        total = total + jnp.square(divide(longer, hull))
    return total


def relative_centres(box: Box, other: Box) -> tuple[Array, Array, Array]:
    """Along both axes the distance of the centres over the side of the hull, and the sine of twice the angle of the
    line between them to an axis; each 0 without a length to divide by.
    """
    gaps, shares = [], []
    for interval, other_interval in zip(box, other, strict=True):
        (low, high), (other_low, other_high) = _upright(interval), _upright(other_interval)
        hull = jnp.maximum(high, other_high) - jnp.minimum(low, other_low)
        gaps.append(0.5 * difference(low, other_low) + 0.5 * difference(high, other_high))
        shares.append(divide(gaps[-1], hull))
    scale = scale_of(jnp.stack(gaps), axis=0)[0]
    x, y = (magnitude(gap / scale) for gap in gaps)
    return *shares, divide(2 * x * y, jnp.square(x) + jnp.square(y))


def relative_lengths(box: Box, other: Box) -> tuple[Array, Array]:
    """Along both axes the difference of the sides over the longer one, 0 of two sides without length."""
    shares = []
    for interval, other_interval in zip(box, other, strict=True):
        (low, high), (other_low, other_high) = _upright(interval), _upright(other_interval)
        longer = difference(high, other_high) - difference(low, other_low)
        shares.append(divide(magnitude(longer), jnp.maximum(high - low, other_high - other_low)))
    return shares[0], shares[1]


def _diagonal(box: Box) -> tuple[Array, Array, Array]:
    """Width and height, of a point 0 and 1, and by what they were multiplied."""
    wide, tall = (jnp.maximum(high - low, 0) for low, high in box)
    longest = jnp.maximum(wide, tall)
    up = up_to_unit(longest)
    return wide * up, jnp.where(longest <= 0, jnp.ones((), up.dtype), tall * up), up


def _turn_jvp(primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    def dot(box: Box, box_dot: Box) -> Array:
        wide, tall, up = _diagonal(box)
        (x0, x1), (y0, y1) = box
        point = (x1 <= x0) & (y1 <= y0)
        down = jnp.where(point, jnp.zeros((), up.dtype), up) / (jnp.square(wide) + jnp.square(tall))
        x, y = share_above(x1, x0) * (tall * down), share_above(y1, y0) * (wide * down)
        return along(((-x, x), (y, -y)), box_dot)

    (box, other), (box_dot, other_dot) = again(primals), tangents
    return turn(*primals), dot(other, other_dot) - dot(box, box_dot)


@with_rule(_turn_jvp)
def turn(box: Box, other: Box) -> Array:
    """The angle of the diagonal of ``other`` to the vertical less that of ``box``; that of a point is 0.

    By one arctangent, of the sine and the cosine of the difference.
    """
    (wide, tall, _), (other_wide, other_tall, _) = _diagonal(box), _diagonal(other)
    sine = other_wide * tall - other_tall * wide
    alike = (wide == other_wide) & (tall == other_tall)  # of equal products, one is rounded and the other may be not
    return jnp.arctan2(jnp.where(alike, jnp.zeros((), sine.dtype), sine), other_wide * wide + other_tall * tall)
