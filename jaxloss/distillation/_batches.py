"""The embeddings of student and teacher of a batch whose examples meet, on one device and over several."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank
from jaxloss._floor.spread import columns, first_row, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName

__all__ = ["Batch", "both_batches"]


class Batch(NamedTuple):
    """The embeddings that are here, those of all devices, and which of these count."""

    student: Array
    teacher: Array
    all_student: Array
    all_teacher: Array
    all_keep: Array
    """Shape ``[..., M]``; the others are ``[..., N, D]``, ``[..., N, E]``, ``[..., M, D]`` and ``[..., M, E]``."""
    first: Array
    """The place of the first example here among all."""

    def by_examples(self, chunk_size: int | None, numbers: int, of: Callable[..., Any], *rows: Array) -> Any:
        """``of(others, *rows)`` ``[..., N]`` of some examples at a time, each of which takes so many ``numbers``.

        ``others`` ``[..., rows, M]`` says which examples count and are not that of the row.
        """
        *batch, size, _ = self.student.shape

        def block(rows: tuple[Array, ...], first: Array) -> Any:
            shape = (*rows[0].shape[:-1], self.all_keep.shape[-1])
            row, column = (jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - axis) for axis in (2, 1))
            return of(self.all_keep[..., None, :] & (row + (first + self.first) != column), *rows)

        return by_rows(block, chunk_rows(chunk_size, size, math.prod(batch) * numbers), rows, len(batch))

    def have(self, others: int, keep: Array) -> Array:
        """Which examples here count, ``[..., N]``, and have at least so many others."""
        return keep & (jnp.sum(self.all_keep, axis=-1, keepdims=True) > others)


def both_batches(
    where: ArrayLike | None, axis_name: AxisName | None, embeddings: ArrayLike, teacher_embeddings: ArrayLike
) -> tuple[Batch, Array]:
    """The batch, and which of the examples here count, ``[..., N]``."""
    student, teacher = checks.floating(embeddings=embeddings, teacher_embeddings=teacher_embeddings)
    checks.with_axes("examples features", allow_empty=True, embeddings=student, teacher_embeddings=teacher)
    checks.with_axes("features", embeddings=student, teacher_embeddings=teacher)
    expected = (*student.shape[:-1], teacher.shape[-1])
    checks.has_shape(expected, "embeddings.shape[:-1], and features of its own", teacher_embeddings=teacher)
    require_whole(axis_name, student.shape[-2:-1], student, teacher)
    student, teacher = blank(where, student, teacher, event_ndim=1)
    keep = jnp.ones(student.shape[:-1], bool) if where is None else checks.mask(where, student.shape[:-1])
    # A product in front, fused into the differences of rows, would leave a distance between equal ones.
    student, teacher = jax.lax.optimization_barrier((student, teacher))
    # No relation depends on the scale of a whole set: within these bounds no difference and no square overflows.
    both = [(x, columns(axis_name, x, -2)) for x in (student, teacher)]
    scales = [2 * numerics.binary_scale_of(every, (-2, -1)) for _, every in both]
    (student, all_student), (teacher, all_teacher) = (
        (here / scale, every / scale) for (here, every), scale in zip(both, scales, strict=True)
    )
    first = jnp.asarray(first_row(axis_name, student.shape[-2]), jnp.int32)
    return Batch(student, teacher, all_student, all_teacher, columns(axis_name, keep, -1), first), keep
