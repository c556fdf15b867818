"""Batches whose examples meet: who is whose positive and negative, and similarities of all pairs.

The examples that are here are in rows, those of all devices in columns: a device compares its own anchors with
everybody, and never holds the pairs of others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import hide, promote, times_weights
from jaxloss._floor.spread import columns, first_row, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.representation._ring import around

__all__ = [
    "Crowd",
    "Group",
    "crowd_of",
    "diagonal",
    "examples",
    "gathered",
    "labelled",
    "matched",
    "per_pair",
    "present",
    "sides_of",
    "similarities",
    "some",
    "unit",
    "working_dtype",
]


def diagonal(shape: tuple[int, ...], first: Array | int = 0) -> Array:
    """True where the last two indices are equal, the rows counted from ``first``; never stored as a constant."""
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - axis) for axis in (2, 1))
    return rows + first == columns


class Crowd(NamedTuple):
    """The rows that are here among those of all devices.

    Attributes:
        axis_name: The mesh axes over which the others are.
        keep: Which rows are kept, ``[..., N]``; None if all are.
        first: The place of the first row among all.
        chunk_size: The number of rows that meet the columns at a time; None chooses.
        ring: Whether the rows of other devices are handed on around a ring instead of gathered.
    """

    axis_name: AxisName | None
    keep: Array | None
    first: Array | int
    chunk_size: int | None = None
    ring: bool = False

    def everybody(self, rows: Array) -> Array:
        """``rows`` ``[..., N, D]`` of all devices, ``[..., M, D]``."""
        return columns(self.axis_name, rows, -2)

    def everybody_kept(self) -> Array | None:
        """Which rows of all devices are kept, ``[..., M]``; None if all are."""
        return None if self.keep is None else columns(self.axis_name, self.keep, -1)

    def chunk(self, x: Array, y: Array) -> int:
        """How many rows of ``x`` meet all rows of ``y`` at a time."""
        *batch, rows, _ = x.shape
        return chunk_rows(self.chunk_size, rows, math.prod(batch) * y.shape[-2])

    def pieces(self, x: Array, y: Array) -> int | None:
        """`chunk` if all examples are here and more than one chunk is needed; else None."""
        chunk = self.chunk(x, y)
        return None if self.axis_name or chunk == x.shape[-2] else chunk

    def shares(self, of_logits: Callable[..., Array], x: Array, y: Array, *more: Array) -> Array:
        """``of_logits(logits, first, *more)`` ``[..., N]`` for the columns of each device, ``[..., N, devices]``.

        Logits are the inner products of rows of ``x`` here and of ``y`` everywhere, and -inf for absentees. ``first``
        is the column that belongs to the first row of a chunk. Without a ring all columns are one share.
        """

        def block(rows: Any, share: Any, first: Array | int) -> Array:
            (x, *more), (y, theirs) = rows, share

            def chunk(rows: Any, start: Array) -> Array:
                x, keep = rows
                return of_logits(present(similarities(x, y), keep, theirs), first + start, *more)

            return by_rows(chunk, self.chunk(x, y), (x, self.keep), x.ndim - 2)

        if not (self.ring and self.axis_name):
            return block((x, *more), (self.everybody(y), self.everybody_kept()), self.first)[..., None]
        return around(block, self.axis_name, (x, *more), (y, self.keep))


class Group(NamedTuple):
    """A labelled set: the labels ``[..., N]`` of the rows that are here, and their crowd."""

    labels: Array
    crowd: Crowd

    def anchors(self, of_rows: Callable[[Array, Array, Array], Any], x: Array, y: Array) -> Any:
        """``of_rows(products, positives, negatives)``, a pytree of ``[..., N]``, a chunk of anchors at a time.

        The three are ``[..., rows, M]``: the inner products of rows of ``x`` here and of ``y`` everywhere, which
        examples of all devices share the label of an anchor, itself apart, and which have another. A masked example is
        in neither, on either side.
        """
        y, keep, labels = self.crowd.everybody(y), self.crowd.everybody_kept(), self.everybody()

        def block(rows: Any, start: Array) -> Any:
            x, own, kept = rows
            return of_rows(similarities(x, y), *sides_of(own, labels, kept, keep, self.crowd.first + start))

        return by_rows(block, self.crowd.chunk(x, y), (x, self.labels, self.crowd.keep), x.ndim - 2)

    def everybody(self) -> Array:
        """The labels of all devices, ``[..., M]``."""
        return columns(self.crowd.axis_name, self.labels, -1)


def sides_of(
    labels: Array, theirs: Array, keep: Array | None, they_keep: Array | None, first: Array | int
) -> tuple[Array, Array]:
    """Which examples share the label of each row, itself apart, and which have another; absentees are in neither."""
    same = labels[..., :, None] == theirs[..., None, :]
    positives, negatives = same & ~diagonal(same.shape, first), ~same
    if keep is None or they_keep is None:
        return positives, negatives
    pairs = _pairs(keep, they_keep)
    return positives & pairs, negatives & pairs


def _pairs(keep: Array, theirs: Array) -> Array:
    return keep[..., :, None] & theirs[..., None, :]


def present(logits: Array, keep: Array | None, theirs: Array | None) -> Array:
    """``logits`` ``[..., N, M]``, -inf for pairs of which the row or the column is not kept."""
    return logits if keep is None or theirs is None else jnp.where(_pairs(keep, theirs), logits, -jnp.inf)


def examples(name: str, array: Array) -> None:
    """The last two axes exist; there may be no example, but not no feature."""
    named: dict[str, Any] = {name: array}
    checks.with_axes("examples features", allow_empty=True, **named)
    checks.with_axes("features", **named)


def crowd_of(
    where: ArrayLike | None,
    axis_name: AxisName | None,
    *arrays: Array,
    chunk_size: int | None = None,
    ring: bool = False,
) -> Crowd:
    """The crowd of the rows of ``arrays`` ``[..., N, D]``; a ValueError if others are elsewhere."""
    batch = arrays[0].shape[:-1]
    require_whole(axis_name, batch[-1:], *arrays)
    keep = None if where is None else checks.mask(where, batch)
    return Crowd(axis_name, keep, first_row(axis_name, batch[-1]), chunk_size, ring)


def labelled(
    where: ArrayLike | None, axis_name: AxisName | None, chunk_size: int | None, embeddings: Any, labels: Any
) -> tuple[Array, Group]:
    """``(embeddings [..., N, D], their group)``, checked and blanked."""
    (embeddings,) = checks.floating(embeddings=embeddings)
    (labels,) = checks.integer(labels=labels)
    examples("embeddings", embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    crowd = crowd_of(where, axis_name, embeddings, labels, chunk_size=chunk_size)
    (embeddings,) = promote(hide(where, embeddings, event_ndim=1))
    return embeddings, Group(labels, crowd)


def matched(
    where: ArrayLike | None, axis_name: AxisName | None, ring: bool, chunk_size: int | None, **arrays: Any
) -> tuple[Array, Array, Crowd]:
    """``(first [..., N, D], second [..., N, D], their crowd)``; row i of the one belongs to row i of the other.

    Rows of bfloat16 numbers stay as they are in a loss of float32: so their products are exact, and take little time.
    """
    (first_name, first), (second_name, second) = arrays.items()
    first, second = checks.floating(**arrays)
    examples(first_name, first)
    checks.same_shape(**{first_name: first, second_name: second})
    crowd = crowd_of(where, axis_name, first, second, chunk_size=chunk_size, ring=ring)
    rows = [hide(where, x, event_ndim=1) for x in (first, second)]
    wide = promote(*rows)
    small = [x.dtype == jnp.bfloat16 and wider.dtype == jnp.float32 for x, wider in zip(rows, wide, strict=True)]
    first, second = (x if stays else wider for x, wider, stays in zip(rows, wide, small, strict=True))
    return first, second, crowd


def working_dtype(*rows: Array) -> Any:
    """What losses of ``rows`` are computed in: float64 if some are, else float32."""
    return jnp.float64 if any(x.dtype == jnp.float64 for x in rows) else jnp.float32


def gathered(terms: Array, members: Array) -> Array:
    """``log(sum(exp(terms)))`` over the members of each row; -inf with zero derivatives where there is none."""
    some_member = jnp.any(members, axis=-1)
    counted = members | ~some_member[..., None]
    total = numerics.log_sum_exp(jnp.where(counted, terms, -jnp.inf))
    return jnp.where(some_member, total, -jnp.inf)


def unit(x: Array) -> Array:
    """Rows of length 1; a zero row stays 0, orthogonal to all."""
    return numerics.normalize(x.astype(working_dtype(x)))


def similarities(x: Array, y: Array) -> Array:
    """Inner products ``[..., N, M]`` of all rows, in full precision: a temperature multiplies their errors."""
    batch, features = tuple(range(x.ndim - 2)), (x.ndim - 1,)
    axes = (features, features), (batch, batch)
    return jax.lax.dot_general(x, y, axes, precision=precision(), preferred_element_type=working_dtype(x, y))


def some(where: ArrayLike | None, able: Array) -> Array:
    """Anchors that are kept and have what they need."""
    return able if where is None else able & checks.mask(where, able.shape)


def per_pair(
    counts: Array, weights: ArrayLike | None, dtype: Any, axis_name: AxisName | None, reduction: Reduction
) -> Array:
    """The weights of anchors that count once for each of their pairs."""
    able, counts = counts > 0, counts.astype(dtype)
    return counts if weights is None else times_weights(counts, able, weights, reduction, axis_name)
