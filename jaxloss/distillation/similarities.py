"""Similarity-preserving distillation: examples that are alike to the teacher become so to the student."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.distillation._batches import Batch, both_batches
from jaxloss.distillation._directions import squared_chord

__all__ = ["similarity_preserving_loss"]


@functools.partial(jax.jit, static_argnames=("chunk_size",))
def _similarity_gaps(batch: Batch, chunk_size: int | None) -> Array:
    """The squared difference between the normalised rows of inner products."""

    def similarities(x: Array, y: Array) -> Array:
        return jnp.matmul(x / numerics.binary_scale_of(x), jnp.swapaxes(y, -1, -2), precision=precision())

    def gaps(_: Array, student: Array, teacher: Array) -> Array:
        return squared_chord(similarities(student, batch.all_student), similarities(teacher, batch.all_teacher))

    return batch.by_examples(chunk_size, batch.all_keep.shape[-1], gaps, batch.student, batch.teacher)


def similarity_preserving_loss(
    embeddings: ArrayLike,
    teacher_embeddings: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Similarity-preserving distillation: mean squared difference of the normalised inner products of examples.

    .. math:: \ell_i = \frac{1}{N} \left\| \frac{G_i}{\| G_i \|_2} - \frac{G'_i}{\| G'_i \|_2} \right\|_2^2, \qquad
              G_{ij} = \langle x_i, x_j \rangle, \quad G'_{ij} = \langle y_i, y_j \rangle

    with the embeddings or flattened activations :math:`x` of the student and :math:`y` of the teacher. The mean over
    the examples is the loss of the paper, :math:`\| \tilde G - \tilde G' \|_F^2 / N^2`. A row of zeros, of an
    example that is orthogonal to all, stays zero when it is normalised.

    Args:
        embeddings: Student's embeddings, shape ``[..., N, D]``, floating; need not be normalised.
        teacher_embeddings: Teacher's embeddings, shape ``[..., N, E]``, floating; row n belongs to row n. They are
            differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        chunk_size: Number of examples that are compared with all at a time, >= 1, static. The inner products of a chunk
            are computed again for the gradient. None: all if they have few pairs, and otherwise some.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where: Shape ``[..., N]``. A masked example is absent, also from the rows of others and from their number N.
        weights, reduction: Shape ``[..., N]``, over the examples :math:`i`; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 4 / N]``, up to rounding there; 0 exactly for equal embeddings, with zero gradient.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ in other axes than the last, or the feature axis is missing or empty.

    Example:
        >>> embeddings, teacher_embeddings = jnp.array([[1.0, 0.0], [0.0, 2.0]]), jnp.array([[0.0, 3.0], [1.0, 0.0]])
        >>> print(f"{jaxloss.similarity_preserving_loss(embeddings, teacher_embeddings):.4f}")
        0.0000
        >>> print(f"{jaxloss.similarity_preserving_loss(embeddings, jnp.ones((2, 1))):.4f}")
        0.2929

    Reference:
        Tung and Mori (2019), Similarity-Preserving Knowledge Distillation. https://arxiv.org/abs/1907.09682
    """
    batch, keep = both_batches(where, axis_name, embeddings, teacher_embeddings)
    values = _similarity_gaps(batch, chunk_size)
    count = jnp.sum(batch.all_keep, axis=-1, keepdims=True)
    values = values / jnp.maximum(count, 1).astype(values.dtype)
    return reduce(values, where=keep, weights=weights, reduction=over(axis_name, reduction))
