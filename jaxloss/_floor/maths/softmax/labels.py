"""The entry of each row at its label, and the others.

A comparison of every index with the label is free in a loop. In front of a sum, XLA on CPU would store what it selects,
and between exponentials it slows them down; there are other ways for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["Labels", "at_label", "is_label", "sum_without_label"]


def is_label(labels: Array, logits: Array) -> Array:
    return jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1) == labels[..., None]


def _sum_of_others(sizes: Array, labels: Array) -> Array:
    """The sum over the last axis without the entry at the label, to which the distance, but at most 1, is 0."""
    index = jnp.arange(sizes.shape[-1], dtype=sizes.dtype)
    distance = jnp.expand_dims(index, tuple(range(labels.ndim))) - labels[..., None].astype(sizes.dtype)
    return jnp.sum(sizes * jnp.minimum(jnp.abs(distance), 1), axis=-1)


def _block_width(logits: Array) -> int | None:
    """A divisor of the number of classes, near its root; None if there is none or the classes are few."""
    classes = logits.shape[-1]
    if not isinstance(classes, int) or classes < 128:  # a symbolic size of `jax.export` has no divisors
        return None
    near = 1.2 * math.sqrt(classes)
    widths = (width for width in range(16, int(8 * near)) if classes % width == 0)
    return min(widths, key=lambda width: max(width / near, near / width), default=None)


def _sum_by_blocks(below: Array, labels: Array, logits: Array, peak: Array) -> Array:
    """In blocks of classes: only that of the label is summed without it, and once more for that.

    On CPU this takes four operations per entry off `_sum_of_others`, if the numbers need not be raised.
    """
    width = None if logits.dtype.itemsize == 2 else _block_width(logits)
    if width is None:
        return _sum_of_others(jnp.exp(below), labels)
    # Folded before the difference: the sum fuses with operations and not with a change of shape.
    folded = jnp.reshape(logits, (*labels.shape, logits.shape[-1] // width, width))
    # No floor division, whose care for negative numbers would be taken for every entry.
    block, place = (divided(labels, jnp.asarray(width, labels.dtype)) for divided in (jax.lax.div, jax.lax.rem))
    around = jnp.take_along_axis(folded, block[..., None, None], axis=-2, mode="promise_in_bounds")[..., 0, :]
    own = _sum_of_others(jnp.exp(around - peak[..., None]), place)
    sums = jnp.sum(jnp.exp(folded - peak[..., None, None]), axis=-1)
    # A selection, or XLA would make one slow loop of both sums.
    return own + jnp.sum(jnp.where(is_label(block, sums), jnp.zeros((), peak.dtype), sums), axis=-1)


def sum_without_label(below: Array, labels: Array, logits: Array, peak: Array) -> Array:
    """``sum(exp(below))`` over the classes other than the label, with ``below = logits - peak`` ``[..., K]``."""
    plain = lambda below, labels, *_: _sum_of_others(jnp.exp(below), labels)
    return jax.lax.platform_dependent(below, labels, logits, peak, cpu=_sum_by_blocks, default=plain)


def at_label(x: Array, labels: Array) -> Array:
    """The entry of ``x`` ``[..., K]`` at each label."""
    return jnp.take_along_axis(x, labels[..., None], axis=-1, mode="promise_in_bounds")[..., 0]


class Labels(NamedTuple):
    """The labels, and whether on CPU their entries are written apart from the others.

    A selection in the loop of the exponentials costs more there than a write to every row, if the classes are many and
    their numbers need not be raised.
    """

    places: Array
    apart: bool

    def without(self, size: Array) -> Array:
        """``size`` ``[..., K]`` with 0 at the label."""
        zero = jnp.zeros((), size.dtype)
        select = lambda size, index: jnp.where(is_label(index, size), zero, size)
        # Row by row, so that rows on other devices stay there.
        row = lambda size, index: size.at[index].set(zero, mode="promise_in_bounds")
        write = jnp.vectorize(row, signature="(k),()->(k)")
        return self._choose(write, select, size, self.places)

    def along(self, others: Array, own: Array, tangent: Array) -> Array:
        """The sum of tangents times slopes: ``others`` ``[..., K]``, which are 0 at the label, and there ``own``."""
        select = lambda others, own, index, tangent: jnp.sum(
            jnp.where(is_label(index, others), own[..., None], others) * tangent, axis=-1
        )
        write = lambda others, own, index, tangent: (
            jnp.sum(others * tangent, axis=-1) + own * at_label(tangent, index)  # transposed, it is written to the rest
        )
        return self._choose(write, select, others, own, self.places, tangent)

    def _choose(self, cpu: Callable[..., Array], default: Callable[..., Array], *arrays: Array) -> Array:
        return jax.lax.platform_dependent(*arrays, cpu=cpu, default=default) if self.apart else default(*arrays)
