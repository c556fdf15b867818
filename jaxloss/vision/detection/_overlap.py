"""Two boxes side by side, in parts that are never negative and whose sums are the quantities of the IoU family.

On each axis two intervals have a shared part, what each has alone, and the gap between them; the hull is the sum of the
four. Nothing is subtracted from anything nearly as large, so nearly equal boxes keep their relative accuracy. Lengths
are multiplied by a power of two that takes the hull near 1, so areas neither overflow nor vanish.

Slopes are formulas of the same parts. XLA on CPU has one loop for a loss that ends with a selection, and another for
such a gradient; of the steps of a derived gradient it would store two dozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import blank, hide
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.vision.detection._intervals import (
    Box,
    Interval,
    again,
    along,
    at_ends,
    box_of,
    share_above,
    up_to_unit,
)

__all__ = ["box_pair", "ensure_corners", "lack_of_overlap", "lack_of_overlap_and_hull"]

Pair = tuple[Box, Box]

SEVERAL = 8
"""How many inverted boxes are no accident of single annotations, for which the losses have a value."""


def ensure_corners(where: ArrayLike | None = None, **boxes: Array) -> None:
    """Under `checked`: most boxes are not inverted, as they are where widths stand in the place of corners."""
    for name, array in boxes.items():
        value_checks.ensure(
            lambda a=array: jnp.logical_not(_mostly_inverted(hide(where, a, event_ndim=1))),
            f"{name} must be corners (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1; jaxloss.boxes converts other formats",
        )


def _mostly_inverted(boxes: Array) -> Array:
    inverted = jnp.sum(jnp.any(boxes[..., 2:] < boxes[..., :2], axis=-1), dtype=jnp.int32)
    unmasked = jnp.sum(jnp.any(boxes != 0, axis=-1), dtype=jnp.int32)
    return (inverted >= SEVERAL) & (2 * inverted > unmasked)


def box_pair(predictions: ArrayLike, targets: ArrayLike, where: ArrayLike | None) -> Pair:
    """Predicted and target boxes, checked, and blanked where masked."""
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("coordinates", predictions=predictions)
    checks.has_shape((*predictions.shape[:-1], 4), "four coordinates per box", predictions=predictions)
    ensure_corners(where, targets=targets)
    # Masked end by end: XLA on CPU would store masked boxes.
    ends, form = jax.tree.flatten((box_of(predictions), box_of(targets)))
    return jax.tree.unflatten(form, blank(where, *ends))


class _Parts(NamedTuple):
    """Of two intervals, times ``up``."""

    shared: Array
    first: Array
    second: Array
    gap: Array
    up: Array


class _Slopes(NamedTuple):
    """Of a loss, by the parts of one axis."""

    first: Array
    shared: Array
    """By the shared part, at the expense of the second."""
    gap: Array


def _parts(interval: Interval, other: Interval) -> _Parts:
    (low, high), (other_low, other_high) = interval, other
    reach = jnp.minimum(high, other_high) - jnp.maximum(low, other_low)
    excess = lambda x, y: jnp.maximum(x - y, 0)
    alone = excess(high, other_high) + excess(other_low, low)
    other_alone = excess(other_high, high) + excess(low, other_low)
    first = jnp.where(reach > 0, alone, excess(high, low))
    second = jnp.where(reach > 0, other_alone, excess(other_high, other_low))
    shared, gap = jnp.maximum(reach, 0), jnp.maximum(-reach, 0)
    up = up_to_unit(shared + first + second + gap)
    return _Parts(shared * up, first * up, second * up, gap * up, up)


def _by_ends(interval: Interval, other: Interval, slopes: _Slopes, up: Array) -> Interval:
    """The slopes at the ends of the first interval.

    Where the two meet, it grows beyond the other or into it. Where they do not, it grows, if it is not inverted; and
    into the gap, on the side of the other.
    """
    (low, high), (other_low, other_high) = interval, other
    meet = share_above(jnp.minimum(high, other_high), jnp.maximum(low, other_low))
    meet, parted = meet * up, (1 - meet) * up
    alone = parted * (share_above(high, low) * slopes.first)
    return at_ends(interval, other, meet * slopes.first + alone, meet * slopes.shared + alone - parted * slopes.gap)


def _overlap(box: Box, other: Box) -> tuple[_Parts, _Parts]:
    return _parts(box[0], other[0]), _parts(box[1], other[1])


def _areas(x: _Parts, y: _Parts) -> tuple[Array, Array]:
    """The area of the intersection, and of the union without it."""
    first = x.first * (y.shared + y.first) + x.shared * y.first
    second = x.second * (y.shared + y.second) + x.shared * y.second
    return x.shared * y.shared, first + second


def _hull(x: _Parts, y: _Parts) -> tuple[Array, Array]:
    """The area that neither box covers, and that of the hull."""
    wide, tall = x.shared + x.first + x.second, y.shared + y.first + y.second
    rest = x.first * y.second + x.second * y.first + x.gap * (tall + y.gap) + wide * y.gap
    return rest, (wide + x.gap) * (tall + y.gap)


def _inverse(area: Array) -> Array:
    """``1 / area``, 0 of none."""
    return divide(jnp.ones((), area.dtype), area)


def _lack(box: Box, other: Box, x: _Parts, y: _Parts) -> Array:
    alike = True
    for (low, high), (other_low, other_high) in zip(box, other, strict=True):
        alike &= (low == other_low) & (high == other_high) & (low <= high)
    shared, rest = _areas(x, y)
    union = shared + rest
    nothing = jnp.where(alike, jnp.zeros((), union.dtype), jnp.ones((), union.dtype))
    return jnp.where(union == 0, nothing, divide(rest, union))


def _lack_slopes(x: _Parts, y: _Parts) -> tuple[_Slopes, _Slopes]:
    shared, rest = _areas(x, y)
    down = _inverse(shared + rest)
    ratio, none = shared * down, jnp.zeros((), down.dtype)

    def by_parts(own: _Parts, across: _Parts) -> _Slopes:
        tall, other_tall = across.shared + across.first, across.shared + across.second
        # The square of the inverse may overflow; each of these factors with one does not.
        into = (across.shared * down) * ((own.first * tall + (own.shared + own.second) * other_tall) * down)
        return _Slopes((tall * down) * ratio, -into, none)

    return by_parts(x, y), by_parts(y, x)


def _hull_slopes(x: _Parts, y: _Parts) -> tuple[_Slopes, _Slopes]:
    rest, area = _hull(x, y)
    down = _inverse(area)
    share = rest * down

    def by_parts(across: _Parts) -> _Slopes:
        tall = across.shared + across.first + across.second + across.gap
        first = (across.second + across.gap - share * tall) * down
        return _Slopes(first, -across.first * down, (1 - share) * (tall * down))

    return by_parts(y), by_parts(x)


def _lack_and_hull_slopes(x: _Parts, y: _Parts) -> tuple[_Slopes, _Slopes]:
    add = lambda a, b: _Slopes(a.first + b.first, a.shared + b.shared, a.gap + b.gap)
    (x_lack, y_lack), (x_hull, y_hull) = _lack_slopes(x, y), _hull_slopes(x, y)
    return add(x_lack, x_hull), add(y_lack, y_hull)


def _derivative(slopes: Callable[[_Parts, _Parts], tuple[_Slopes, _Slopes]], primals: Pair, tangents: Pair) -> Array:
    def dot(box: Box, other: Box, box_dot: Box) -> Array:
        x, y = _overlap(box, other)
        by_x, by_y = slopes(x, y)
        return along((_by_ends(box[0], other[0], by_x, x.up), _by_ends(box[1], other[1], by_y, y.up)), box_dot)

    (box, other), (box_dot, other_dot) = again(primals), tangents
    return dot(box, other, box_dot) + dot(other, box, other_dot)


def _lack_jvp(primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    return lack_of_overlap(*primals), _derivative(_lack_slopes, primals, tangents)


@with_rule(_lack_jvp)
def lack_of_overlap(box: Box, other: Box) -> Array:
    """One minus intersection over union; without a union, 0 if the boxes are the same and 1 if not."""
    return _lack(box, other, *_overlap(box, other))


def _lack_and_hull_jvp(primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    return lack_of_overlap_and_hull(*primals), _derivative(_lack_and_hull_slopes, primals, tangents)


@with_rule(_lack_and_hull_jvp)
def lack_of_overlap_and_hull(box: Box, other: Box) -> Array:
    """`lack_of_overlap` plus the share of the hull that neither box covers, 0 of a hull without area."""
    x, y = _overlap(box, other)
    lack, (rest, area) = _lack(box, other, x, y), _hull(x, y)
    return jnp.where(area == 0, lack, lack + divide(rest, area))
