"""Batches whose examples meet: who is whose positive and negative, and similarities of all pairs.

The examples that are here are in rows, those of all devices in columns: a device compares its own anchors with
everybody, and never holds the pairs of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, times_weights
from jaxloss._floor.spread import columns, first_row, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.representation._ring import around

__all__ = ["Crowd", "diagonal", "gathered", "grouped", "matched", "per_pair", "similarities", "some", "unit"]


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
        ring: Whether the rows of other devices are handed on around a ring instead of gathered.
    """

    axis_name: AxisName | None
    keep: Array | None
    first: Array | int
    ring: bool = False

    def everybody(self, rows: Array) -> Array:
        """``rows`` ``[..., N, D]`` of all devices, ``[..., M, D]``."""
        return columns(self.axis_name, rows, -2)

    def pairs(self) -> Array | None:
        """Which pairs ``[..., N, M]`` consist of kept examples; None if all do."""
        return None if self.keep is None else _pairs(self.keep, columns(self.axis_name, self.keep, -1))

    def logits(self, x: Array, y: Array) -> Array:
        """Inner products ``[..., N, M]`` of the rows of ``x`` here and of ``y`` everywhere; -inf for absentees."""
        return _present(similarities(x, self.everybody(y)), self.pairs())

    def shares(self, of_logits: Callable[..., Array], x: Array, y: Array, *more: Array) -> Array:
        """``of_logits(logits, first, *more)`` ``[..., N]`` for the columns of each device, ``[..., N, devices]``.

        ``first`` is the column that belongs to the first row. Without a ring all columns are one share.
        """
        if not (self.ring and self.axis_name):
            return of_logits(self.logits(x, y), self.first, *more)[..., None]

        def block(rows: Any, share: Any, first: Array) -> Array:
            (x, *more), (y, keep) = rows, share
            pairs = None if self.keep is None else _pairs(self.keep, keep)
            return of_logits(_present(similarities(x, y), pairs), first, *more)

        return around(block, self.axis_name, (x, *more), (y, self.keep))


def _pairs(keep: Array, theirs: Array) -> Array:
    return keep[..., :, None] & theirs[..., None, :]


def _present(logits: Array, pairs: Array | None) -> Array:
    """``logits``, -inf for pairs that are not to meet."""
    return logits if pairs is None else jnp.where(pairs, logits, -jnp.inf)


def _examples(name: str, array: Array) -> None:
    """The last two axes exist; there may be no example, but not no feature."""
    named: dict[str, Any] = {name: array}
    checks.with_axes("examples features", allow_empty=True, **named)
    checks.with_axes("features", **named)


def _crowd(where: ArrayLike | None, axis_name: AxisName | None, *arrays: Array, ring: bool = False) -> Crowd:
    batch = arrays[0].shape[:-1]
    require_whole(axis_name, batch[-1:], *arrays)
    keep = None if where is None else checks.mask(where, batch)
    return Crowd(axis_name, keep, first_row(axis_name, batch[-1]), ring)


def grouped(
    where: ArrayLike | None, axis_name: AxisName | None, embeddings: Any, labels: Any
) -> tuple[Array, Crowd, Array, Array]:
    """``(embeddings [..., N, D], their crowd, positives [..., N, M], negatives [..., N, M])``, checked and blanked.

    Row i says which examples of all devices share the label of i, itself apart, and which have another. A masked
    example is in neither, on either side.
    """
    (embeddings,) = checks.floating(embeddings=embeddings)
    (labels,) = checks.integer(labels=labels)
    _examples("embeddings", embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    crowd = _crowd(where, axis_name, embeddings, labels)
    same = labels[..., :, None] == columns(axis_name, labels, -1)[..., None, :]
    positives, negatives = same & ~diagonal(same.shape, crowd.first), ~same
    if (pairs := crowd.pairs()) is not None:
        positives, negatives = positives & pairs, negatives & pairs
    (embeddings,) = promote(hide(where, embeddings, event_ndim=1))
    return embeddings, crowd, positives, negatives


def matched(
    where: ArrayLike | None, axis_name: AxisName | None, ring: bool, **arrays: Any
) -> tuple[Array, Array, Crowd]:
    """``(first [..., N, D], second [..., N, D], their crowd)``; row i of the one belongs to row i of the other."""
    (first_name, first), (second_name, second) = arrays.items()
    first, second = checks.floating(**arrays)
    _examples(first_name, first)
    checks.same_shape(**{first_name: first, second_name: second})
    crowd = _crowd(where, axis_name, first, second, ring=ring)
    first, second = promote(*(hide(where, x, event_ndim=1) for x in (first, second)))
    return first, second, crowd


def gathered(terms: Array, members: Array) -> Array:
    """``log(sum(exp(terms)))`` over the members of each row; -inf with zero derivatives where there is none."""
    some_member = jnp.any(members, axis=-1)
    counted = members | ~some_member[..., None]
    total = numerics.log_sum_exp(jnp.where(counted, terms, -jnp.inf))
    return jnp.where(some_member, total, -jnp.inf)


def unit(x: Array) -> Array:
    """Rows of length 1; a zero row stays 0, orthogonal to all."""
    return numerics.normalize(x)


def similarities(x: Array, y: Array) -> Array:
    """Inner products ``[..., N, M]`` of all rows, in full precision: a temperature multiplies their errors."""
    return jnp.matmul(x, jnp.swapaxes(y, -1, -2), precision=jax.lax.Precision.HIGHEST)


def some(where: ArrayLike | None, able: Array) -> Array:
    """Anchors that are kept and have what they need."""
    return able if where is None else able & checks.mask(where, able.shape)


def per_pair(
    counts: Array, weights: ArrayLike | None, dtype: Any, axis_name: AxisName | None, reduction: Reduction
) -> Array:
    """The weights of anchors that count once for each of their pairs."""
    able, counts = counts > 0, counts.astype(dtype)
    return counts if weights is None else times_weights(counts, able, weights, reduction, axis_name)
