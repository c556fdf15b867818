"""Boxes as intervals, axis by axis, and slopes at their ends.

Ends of integers are often equal. All slopes there are the means of both sides, so that those of the parts of a box add
up to that of its length. The ends are compared, never their difference with 0: a product in front leaves a residue in
it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.numerics import binary_scale_of
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array

__all__ = ["Box", "Interval", "again", "along", "at_ends", "box_of", "share_above", "up_to_unit"]

Interval = tuple[Array, Array]
"""The low and the high end; or the slopes at them."""

Box = tuple[Interval, Interval]
"""The intervals of x and y."""


def _ends(boxes: Array) -> Box:
    x0, y0, x1, y1 = (jnp.squeeze(each, -1) for each in jax.lax.split(boxes, (1, 1, 1, 1), axis=boxes.ndim - 1))
    return (x0, x1), (y0, y1)


def _selected_ends(boxes: Array) -> Box:
    place = jax.lax.broadcasted_iota(jnp.int32, boxes.shape, boxes.ndim - 1)
    at = lambda k: jnp.sum(jnp.where(place == k, boxes, jnp.zeros((), boxes.dtype)), axis=-1)
    return (at(0), at(2)), (at(1), at(3))


def _box_of_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Box, Box]:
    # The gradient, the transpose of this, is put together by selections: XLA on CPU has one loop for them and what they
    # select from, where it makes four of what is put side by side, with branches.
    return box_of(*primals), jax.lax.platform_dependent(*tangents, cpu=_selected_ends, default=_ends)


@with_rule(_box_of_jvp)
def box_of(boxes: Array) -> Box:
    """The intervals of boxes ``[..., 4]``."""
    return _ends(boxes)


def share_above(x: Array, y: Array) -> Array:
    """1 where ``x > y``, 0 where ``x < y``, 1/2 where neither, as a factor.

    Of a selection between what takes long, XLA on CPU makes branches.
    """
    one = jnp.ones((), x.dtype)
    return jnp.where(x > y, one, jnp.where(x < y, jnp.zeros((), x.dtype), 0.5 * one))


def at_ends(interval: Interval, other: Interval, outwards: Array, inwards: Array) -> Interval:
    """The slopes at the ends of an interval, by its growth beyond the other's ends and within."""
    (low, high), (other_low, other_high) = interval, other
    left, right = share_above(other_low, low), share_above(high, other_high)
    return -(left * outwards + (1 - left) * inwards), right * outwards + (1 - right) * inwards


def again(pair: tuple[Box, Box]) -> tuple[Box, Box]:
    """The same boxes for a slope, which XLA on CPU takes for others: it stores the steps that two loops share."""
    ends, form = jax.tree.flatten(pair)
    return jax.tree.unflatten(form, apart_on_cpu(*ends))


def along(slopes: Box, dots: Box) -> Array:
    """The derivative of a loss with these slopes along ``dots``."""
    (x0, x1), (y0, y1) = slopes
    (x0_dot, x1_dot), (y0_dot, y1_dot) = dots
    return x0 * x0_dot + y0 * y0_dot + x1 * x1_dot + y1 * y1_dot


def up_to_unit(length: Array) -> Array:
    """The power of two that takes a length >= 0 into [1, 2) where it is normal, as a constant."""
    length = jax.lax.stop_gradient(length)
    # XLA on CPU would store a quotient that is used several times.
    return jax.lax.platform_dependent(length, cpu=_power_by_bits, default=lambda x: 1 / binary_scale_of(x, axis=()))


def _power_by_bits(length: Array) -> Array:
    info = jnp.finfo(length.dtype)
    exponent = jax.lax.bitcast_convert_type(jnp.abs(length), f"int{info.bits}") >> info.nmant
    # The exponents of a number and of its reciprocal add up to twice the bias; 0 and infinity have none.
    flipped = jnp.maximum(2 * (info.maxexp - 1) - exponent, 1)
    return jax.lax.bitcast_convert_type(flipped << info.nmant, length.dtype)
