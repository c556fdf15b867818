"""Two boxes side by side, in parts that are never negative and whose sums are the quantities of the IoU family.

On each axis two intervals a and b have a shared part, what each has alone, and the gap between them; the hull is the
sum of the four. Nothing is subtracted from anything nearly as large, so nearly equal boxes keep their relative
accuracy. Lengths are multiplied by a power of two that takes the hull near 1, so areas neither overflow nor vanish.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import value_checks
from jaxloss._floor.maths.numerics import binary_scale_of, divide
from jaxloss._floor.typing import Array

__all__ = ["Overlap", "beyond_union", "ensure_corners", "lack_of_overlap", "overlap"]


SEVERAL = 8
"""How many inverted boxes are no accident of single annotations, for which the losses have a value."""


def ensure_corners(**boxes: Array) -> None:
    """Under `checked`: most boxes are not inverted, as they are where widths stand in the place of corners."""
    for name, array in boxes.items():
        value_checks.ensure(
            lambda a=array: jnp.logical_not(_mostly_inverted(a)),
            f"{name} must be corners (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1; jaxloss.boxes converts other formats",
        )


def _mostly_inverted(boxes: Array) -> Array:
    inverted = jnp.sum(jnp.any(boxes[..., 2:] < boxes[..., :2], axis=-1), dtype=jnp.int32)
    unmasked = jnp.sum(jnp.any(boxes != 0, axis=-1), dtype=jnp.int32)
    return (inverted >= SEVERAL) & (2 * inverted > unmasked)


class _Parts(NamedTuple):
    """Of two intervals, as shares of their hull."""

    shared: Array
    first: Array
    second: Array
    gap: Array


class Overlap(NamedTuple):
    """Two boxes, axis by axis."""

    x: _Parts
    y: _Parts
    alike: Array
    """Whether the boxes are the same, and neither is inverted."""


# Ends of integers are often equal. All slopes there are the means of both sides, as those of JAX's maximum are, so that
# those of the parts add up to that of the length. The ends are compared in the rules: a product in front of them leaves
# a residue in their difference, and XLA on CPU stores what goes through several selections.


@jax.custom_jvp
def _excess(x: Array, y: Array) -> Array:
    """``max(x - y, 0)``."""
    return jnp.maximum(x - y, 0)  # with the same slope at 0, for second derivatives of a scan, which forget the rule


@_excess.defjvp
def _excess_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = primals, tangents
    return _excess(x, y), _by_sign(x, y, 1.0, 0.0, 0.5) * (x_dot - y_dot)


@jax.custom_jvp
def _own(low: Array, high: Array, beyond: Array, length: Array) -> Array:
    """What one interval has alone: ``beyond`` the other where they meet, at ``low < high``, else its length."""
    return jnp.where(high > low, beyond, length)


@_own.defjvp
def _own_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (low, high, *_), (_, _, beyond_dot, length_dot) = primals, tangents
    return _own(*primals), _by_sign(high, low, beyond_dot, length_dot, 0.5 * (beyond_dot + length_dot))


def _by_sign(x: Array, y: Array, above: Array | float, below: Array | float, between: Array | float) -> Array:
    return jnp.where(x > y, above, jnp.where(x < y, below, between))


def _parts(low: Array, high: Array, other_low: Array, other_high: Array) -> _Parts:
    start, stop = jnp.maximum(low, other_low), jnp.minimum(high, other_high)
    reach = stop - start
    length, other_length = jnp.maximum(high - low, 0), jnp.maximum(other_high - other_low, 0)
    first = _own(start, stop, _excess(high, other_high) + _excess(other_low, low), length)
    second = _own(start, stop, _excess(other_high, high) + _excess(low, other_low), other_length)
    parts = jnp.maximum(reach, 0), first, second, jnp.maximum(-reach, 0)
    hull = jax.lax.stop_gradient(sum(parts[1:], parts[0]))
    # One quotient, which is exact for a power of two: XLA on CPU stores each quotient that is used several times.
    up = 1 / binary_scale_of(hull, axis=())
    return _Parts(*(part * up for part in parts))


def _coordinates(boxes: Array) -> tuple[Array, ...]:
    """``x0, y0, x1, y1``; their gradients are put side by side, where those of slices are padded and added."""
    return tuple(jnp.squeeze(each, -1) for each in jax.lax.split(boxes, (1, 1, 1, 1), axis=boxes.ndim - 1))


def overlap(boxes: Array, others: Array) -> Overlap:
    """The parts of boxes ``[..., 4]`` and of others of a shape that broadcasts."""
    x0, y0, x1, y1 = _coordinates(boxes)
    u0, v0, u1, v1 = _coordinates(others)
    alike = (x0 == u0) & (x1 == u1) & (y0 == v0) & (y1 == v1) & (x0 <= x1) & (y0 <= y1)
    return Overlap(_parts(x0, x1, u0, u1), _parts(y0, y1, v0, v1), alike)


def _areas(both: Overlap) -> tuple[Array, Array]:
    """The area of the intersection, and of the union without it."""
    x, y, _ = both
    first = x.first * (y.shared + y.first) + x.shared * y.first
    second = x.second * (y.shared + y.second) + x.shared * y.second
    return x.shared * y.shared, first + second


def lack_of_overlap(both: Overlap) -> Array:
    """One minus intersection over union; without a union, 0 if the boxes are the same and 1 if not."""
    shared, rest = _areas(both)
    union = shared + rest
    nothing = jnp.where(both.alike, jnp.zeros((), union.dtype), jnp.ones((), union.dtype))
    return jnp.where(union == 0, nothing, divide(rest, union))


def beyond_union(both: Overlap) -> Array:
    """The share of the hull that neither box covers, 0 of a hull without area."""
    x, y, _ = both
    wide, tall = x.shared + x.first + x.second, y.shared + y.first + y.second
    rest = x.first * y.second + x.second * y.first + x.gap * (tall + y.gap) + wide * y.gap
    return divide(rest, (wide + x.gap) * (tall + y.gap))
