"""Relational distillation: distances and angles between the examples of a batch.

The embeddings of student and teacher may differ in their number of features, since only relations within each set are
compared. Rows of the two belong to the same examples.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import huber
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import hide, reduce, weighted_mean
from jaxloss._floor.spread import mean_over, over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.distillation._batches import Batch, both_batches

__all__ = ["relational_angle_loss", "relational_distance_loss"]


def _mean_of(others: Array, values: Array) -> Array:
    return weighted_mean(hide(others, values), others, -1)


def _huber_gap(x: Array, y: Array, delta: Array) -> Array:
    """The Huber loss of ``x - y``, flat for equal relations, where a product in front would leave a residue."""
    gap = numerics.difference(x, y)
    return huber(gap, jnp.zeros_like(gap), delta)


def _distances(x: Array, y: Array) -> Array:
    """``[..., N, M]``, from differences: equal rows are at distance 0, with slope 0."""
    return numerics.sqrt(jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1))


@functools.partial(jax.jit, static_argnames=("axis_name", "chunk_size"))
def _distance_gaps(
    batch: Batch, able: Array, delta: Array, axis_name: AxisName | None, chunk_size: int | None
) -> Array:
    """The mean Huber loss of each example here and all others."""
    numbers = batch.all_keep.shape[-1] * max(batch.student.shape[-1], batch.teacher.shape[-1])

    def both(others: Array, student: Array, teacher: Array) -> list[Array]:
        pairs = (student, batch.all_student), (teacher, batch.all_teacher)
        return [hide(others, _distances(*pair)) for pair in pairs]

    def means(*rows: Array) -> list[Array]:
        return [_mean_of(rows[0], distances) for distances in both(*rows)]

    def gaps(*rows: Array) -> Array:
        student, teacher = (
            numerics.divide(distances, jnp.broadcast_to(unit[..., None, None], distances.shape))
            for distances, unit in zip(both(*rows), units, strict=True)
        )
        return _mean_of(rows[0], _huber_gap(student, teacher, delta))

    here = batch.student, batch.teacher
    of_rows = batch.by_examples(chunk_size, numbers, means, *here)
    units = [mean_over(axis_name, hide(able, mean), able) for mean in of_rows]
    return batch.by_examples(chunk_size, numbers, gaps, *here)


@functools.partial(jax.jit, static_argnames=("chunk_size",))
def _angle_gaps(batch: Batch, delta: Array, chunk_size: int | None) -> Array:
    """The mean Huber loss of each example here as the vertex of the angles between all pairs of others."""
    size = batch.all_keep.shape[-1]

    def sides(x: Array, y: Array) -> Array:
        return numerics.normalize(y[..., None, :, :] - x[..., :, None, :])

    def cosines(ends: Array, sides: Array) -> Array:
        return jnp.matmul(ends, jnp.swapaxes(sides, -1, -2), precision=precision())

    def gaps(others: Array, student: Array, teacher: Array) -> Array:
        both = sides(student, batch.all_student), sides(teacher, batch.all_teacher)

        def of_ends(ends: tuple[Array, Array], first: Array) -> Array:
            values = _huber_gap(cosines(ends[0], both[0]), cosines(ends[1], both[1]), delta)
            one, other = (jax.lax.broadcasted_iota(jnp.int32, values.shape, values.ndim - axis) for axis in (2, 1))
            return _mean_of(others[..., None, :] & (one + first != other), values)

        *vertices, _ = others.shape
        chunk = chunk_rows(chunk_size, size, math.prod(vertices) * size)
        return _mean_of(others, by_rows(of_ends, chunk, both, len(vertices)))

    features = max(batch.student.shape[-1], batch.teacher.shape[-1])
    return batch.by_examples(chunk_size, size * (size + features), gaps, batch.student, batch.teacher)


def relational_distance_loss(
    embeddings: ArrayLike,
    teacher_embeddings: ArrayLike,
    *,
    delta: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relational distillation by distance (RKD-D): Huber loss between the relative distances of the examples.

    .. math:: \ell_i = \frac{1}{N - 1} \sum_{j \ne i} h_\delta \left( \frac{\| x_i - x_j \|}{\mu}
              - \frac{\| y_i - y_j \|}{\mu'} \right), \qquad
              \mu = \frac{1}{N (N - 1)} \sum_{i \ne j} \| x_i - x_j \|

    with the embeddings :math:`x` of the student, :math:`y` of the teacher, their mean distances :math:`\mu` and
    :math:`\mu'`, and the Huber loss :math:`h_\delta`. The student may rotate, move and scale its space. As in the
    paper, both means are over pairs of distinct examples; the authors' code averages over all :math:`N^2` pairs of
    indices and leaves distances of 0 out of :math:`\mu`. The paper adds `jaxloss.relational_angle_loss`, with twice
    the factor.

    Args:
        embeddings: Student's embeddings, shape ``[..., N, D]``, floating.
        teacher_embeddings: Teacher's embeddings, shape ``[..., N, E]``, floating; row n belongs to row n. They are
            differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        delta: Difference of relative distances from which the loss is linear; > 0.
        chunk_size: Number of examples that are compared with all others at a time, >= 1, static. The distances of a
            chunk are computed again for the gradient. None: all if they have few pairs, and otherwise some.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where: Shape ``[..., N]``. A masked example is absent, also from the pairs of others and from the means.
        weights, reduction: Shape ``[..., N]``, over the examples :math:`i`; see `jaxloss.reduce`. An example without
            another one is left out.

    Returns:
        A scalar >= 0, without a unit; 0 exactly for equal embeddings, with zero gradient. A pair of equal examples has
        no direction in which to part, and no gradient.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ in other axes than the last, the feature axis is missing or empty, or ``delta``
            is not positive.

    Example:
        >>> embeddings, teacher_embeddings = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([[0.0], [1.0], [3.0]])
        >>> jaxloss.relational_distance_loss(embeddings, 5 * embeddings)
        Array(0., dtype=float32)
        >>> print(f"{jaxloss.relational_distance_loss(embeddings, teacher_embeddings):.5f}")
        0.02083

    Reference:
        Park, Kim, Lu and Cho (2019), Relational Knowledge Distillation. https://arxiv.org/abs/1904.05068
    """
    batch, keep = both_batches(where, axis_name, embeddings, teacher_embeddings)
    delta = checks.scalar("delta", delta, batch.student.dtype, above=0)
    able = batch.have(1, keep)
    values = _distance_gaps(batch, able, jnp.asarray(delta, batch.student.dtype), axis_name, chunk_size)
    return reduce(values, where=able, weights=weights, reduction=over(axis_name, reduction))


def relational_angle_loss(
    embeddings: ArrayLike,
    teacher_embeddings: ArrayLike,
    *,
    delta: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relational distillation by angle (RKD-A): Huber loss between the cosines of all angles of three examples.

    .. math:: \ell_j = \frac{1}{(N - 1) (N - 2)} \sum_{i \ne k} h_\delta \left( \cos \angle x_i x_j x_k
              - \cos \angle y_i y_j y_k \right), \qquad
              \cos \angle x_i x_j x_k = \frac{\langle x_i - x_j, x_k - x_j \rangle}{\| x_i - x_j \| \| x_k - x_j \|}

    with the embeddings :math:`x` of the student, :math:`y` of the teacher and the Huber loss :math:`h_\delta`; i and k
    are other examples than the vertex j. The student may rotate, move and scale its space. As in the paper, the mean is
    over three distinct examples; the authors' code averages over all :math:`N^3` triples of indices. The cosine of an
    angle whose vertex is equal to one of its ends counts as 0.

    Args:
        embeddings: Student's embeddings, shape ``[..., N, D]``, floating.
        teacher_embeddings: Teacher's embeddings, shape ``[..., N, E]``, floating; row n belongs to row n. They are
            differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        delta: Difference of cosines from which the loss is linear; > 0.
        chunk_size: Number of vertices j, and of ends i for each of them, that are taken at a time, >= 1, static. Memory
            grows with ``N * chunk_size ** 2``. The angles of a chunk are computed again for the gradient. None: all if
            there are few angles, and otherwise some, at least 128.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where: Shape ``[..., N]``. A masked example is absent, also from the angles of others.
        weights, reduction: Shape ``[..., N]``, over the vertices :math:`j`; see `jaxloss.reduce`. An example without
            two others is left out.

    Returns:
        A scalar >= 0; at most 2 for ``delta = 1``, up to rounding. 0 exactly for equal embeddings, with zero gradient.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ in other axes than the last, the feature axis is missing or empty, or ``delta``
            is not positive.

    Example:
        >>> right, straight = jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), jnp.array([[1.0], [0.0], [-1.0]])
        >>> print(jaxloss.relational_angle_loss(right, straight, reduction="none"))
        [0.04289322 0.5        0.04289322]

    Reference:
        Park, Kim, Lu and Cho (2019), Relational Knowledge Distillation. https://arxiv.org/abs/1904.05068
    """
    batch, keep = both_batches(where, axis_name, embeddings, teacher_embeddings)
    delta = checks.scalar("delta", delta, batch.student.dtype, above=0)
    values = _angle_gaps(batch, jnp.asarray(delta, batch.student.dtype), chunk_size)
    return reduce(values, where=batch.have(2, keep), weights=weights, reduction=over(axis_name, reduction))
