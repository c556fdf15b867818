"""Similarity of two representations of the same examples, whatever their sizes and axes."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.moments import deviations
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import blank, reduce, relative_mass
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["cka_loss"]


def cka_loss(
    embeddings: ArrayLike,
    teacher_embeddings: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""One minus the centred kernel alignment (CKA) of two representations, with linear kernels.

    .. math:: \ell = 1 - \frac{\langle G, G' \rangle_F}{\lVert G \rVert_F \lVert G' \rVert_F}, \qquad
              G_{ij} = \langle x_i - \bar x, x_j - \bar x \rangle

    and :math:`G'` the same of the teacher. Rotations, offsets and the scale of either representation do not count, and
    their numbers of features may differ: it compares the geometry of a batch, layer with layer or network with network.
    With the batch the estimate grows: small batches of many features look alike. Time grows with :math:`N^2`, memory
    with the chunk.

    Args:
        embeddings: Student's embeddings :math:`x`, shape ``[..., N, D]``, floating.
        teacher_embeddings: Teacher's embeddings, shape ``[..., N, E]``, floating; row n belongs to row n. They are
            differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        chunk_size: Number of examples that are compared with all at a time; see `jaxloss.similarity_preserving_loss`.
        axis_name: Mesh axes over which the examples are spread; see `jaxloss.similarity_preserving_loss`.
        where, weights: Shape ``[..., N]``; an example of weight 2 counts like two. A pool without an example is absent.
            See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 1]``, up to rounding; 0 exactly for equal embeddings, with zero gradient. Where all embeddings
        of one side are equal the loss is 1, without gradient.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, or a feature axis is empty; or if every pool has one entry, as in
            ``[1, D]``.

    Example:
        >>> embeddings = jnp.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> turned = 5.0 - 2.0 * embeddings[:, ::-1]
        >>> print(f"{jaxloss.cka_loss(embeddings, turned):.4f} {jaxloss.cka_loss(embeddings, turned[::-1]):.4f}")
        0.0000 0.3000

    Reference:
        Kornblith, Norouzi, Lee and Hinton (2019), Similarity of Neural Network Representations Revisited.
        https://arxiv.org/abs/1905.00414
    """
    student, teacher = checks.floating(embeddings=embeddings, teacher_embeddings=teacher_embeddings)
    checks.with_pool("examples features", embeddings=student)
    checks.with_axes("features", embeddings=student, teacher_embeddings=teacher)
    expected = (*student.shape[:-1], teacher.shape[-1])
    checks.has_shape(expected, "embeddings.shape[:-1], and features of its own", teacher_embeddings=teacher)
    student, teacher = blank(where, student, teacher, event_ndim=1)
    keep, scale, student, teacher = whole_pool(axis_name, where, weights, student, teacher, event_ndim=1)
    mass, present = relative_mass(keep, scale, student[..., 0])
    both = [_centred(x, mass) for x in (student, teacher)]
    return reduce(_chord(both, mass, chunk_size), where=present, reduction=reduction)


def _centred(points: Array, mass: Array | None) -> Array:
    """Points ``[..., N, D]`` less their weighted mean, at unit scale; 0 where masked."""
    away = jnp.swapaxes(deviations(None, jnp.swapaxes(points, -1, -2), mass), -1, -2)
    return away / numerics.binary_scale_of(away, (-2, -1))


def _chord(both: list[Array], mass: Array | None, chunk_size: int | None) -> Array:
    """Half the squared distance of the normalised inner products, which keeps the digits of nearly equal ones."""
    axis, size = both[0].ndim - 2, both[0].shape[-2]
    chunk = chunk_rows(chunk_size, size, 4 * size * math.prod(both[0].shape[:-2]))
    every = jnp.ones(both[0].shape[:-1], both[0].dtype) if mass is None else mass.astype(both[0].dtype)

    def total(of: Any) -> list[Array]:
        def block(rows: Any, _: Array) -> list[Array]:
            *some, own = rows
            products = [
                jnp.matmul(x, jnp.swapaxes(y, -1, -2), precision=precision()) for x, y in zip(some, both, strict=True)
            ]
            return [own * jnp.sum(every[..., None, :] * values, axis=-1) for values in of(*products)]

        return [jnp.sum(each, axis=-1) for each in by_rows(block, chunk, (*both, every), axis)]

    lengths = [numerics.sqrt(x)[..., None, None] for x in total(lambda *products: [jnp.square(p) for p in products])]

    def gaps(*products: Array) -> list[Array]:
        one, other = (numerics.divide(p, jnp.broadcast_to(x, p.shape)) for p, x in zip(products, lengths, strict=True))
        return [jnp.square(one - other)]

    (gap,) = total(gaps)
    flat = ((lengths[0] == 0) | (lengths[1] == 0)) & (size > 0)
    return jnp.where(jnp.squeeze(flat, (-2, -1)), jnp.ones((), gap.dtype), 0.5 * gap)
