"""Triplet losses mined in a batch, with static shapes: all triplets, the hardest, the semi-hard ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.distances import pair_distances, vector_norm
from jaxloss._floor.reduction import divide_sums, pool_mean, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import grouped, per_pair, some

__all__ = ["batch_all_triplet_loss", "batch_hard_triplet_loss", "batch_semi_hard_triplet_loss"]

_BLOCK = 2**22
"""Triplets that are held in memory at a time."""


def batch_all_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Batch-all triplet loss: triplet margin loss of all triplets of a batch, averaged over those above 0.

    .. math:: \ell_i = \frac{1}{A_i} \sum_{p: y_p = y_i} \sum_{n: y_n \ne y_i}
              \max\left( 0, m + d_{ip} - d_{in} \right), \qquad d_{ij} = \| x_i - x_j \|_2

    with :math:`A_i` the number of terms above 0. An anchor counts once for each of these, so the mean is the mean over
    all active triplets of the batch. Time grows with the cube of N, memory with its square.

    The distances come from inner products: between points that are close compared with the spread of the batch, the
    error of a float32 distance is up to 3e-4 of that spread.

    Args:
        embeddings, labels, axis_name, where, weights: See `jaxloss.representation`.
        margin: Margin :math:`m`, in units of the distance; > 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without active triplets is absent.

    Returns:
        A scalar >= 0; 0 exactly where every negative is further than every positive by at least ``margin``.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``margin`` is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[0.0], [1.0], [1.5]]), jnp.array([0, 0, 1])
        >>> jaxloss.batch_all_triplet_loss(embeddings, labels)
        Array(1., dtype=float32)

    Reference:
        Hermans, Beyer and Leibe (2017), In Defense of the Triplet Loss for Person Re-Identification.
        https://arxiv.org/abs/1703.07737
    """
    x, crowd, positives, negatives = grouped(where, axis_name, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)
    total, active = _all_triplets(pair_distances(x, crowd.keep, axis_name), positives, negatives, margin)
    values = divide_sums(total, active.astype(x.dtype))
    each = per_pair(active, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, active > 0), weights=each, reduction=over(axis_name, reduction))


def _all_triplets(distances: Array, positives: Array, negatives: Array, margin: Scalar) -> tuple[Array, Array]:
    """The sum of the hinges of every anchor and the number of those above 0; a block of anchors at a time."""
    size = distances.shape[-1]
    if distances.size == 0:
        return jnp.zeros(distances.shape[:-1], distances.dtype), jnp.zeros(distances.shape[:-1], jnp.int32)

    @jax.checkpoint
    def of_anchor(row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        distance, near, far = row
        hinge = numerics.positive_part((margin + distance)[:, None] - distance[None, :])
        hinge = jnp.where(near[:, None] & far[None, :], hinge, jnp.zeros((), hinge.dtype))
        return jnp.sum(hinge), jnp.sum(hinge != 0, dtype=jnp.int32)

    rows = tuple(x.reshape(-1, size) for x in (distances, positives, negatives))
    # One anchor at a time for a symbolic size of `jax.export`, which sets no number of blocks.
    block = max(1, min(rows[0].shape[0], _BLOCK // size**2)) if isinstance(size, int) else None
    total, active = jax.lax.map(of_anchor, rows, batch_size=block)
    return total.reshape(distances.shape[:-1]), active.reshape(distances.shape[:-1])


def batch_hard_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Batch-hard triplet loss: triplet margin loss of the furthest positive and nearest negative of every anchor.

    .. math:: \ell_i = \max\left( 0, m + \max_{p: y_p = y_i} d_{ip} - \min_{n: y_n \ne y_i} d_{in} \right),
              \qquad d_{ij} = \| x_i - x_j \|_2

    The two are chosen by inner products, which are not differentiated; their distances are then computed from the
    differences of the vectors.

    Args:
        embeddings, labels, axis_name, where, weights: See `jaxloss.representation`.
        margin: Margin :math:`m`, in units of the distance; > 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives or without
            negatives is absent.

    Returns:
        A scalar >= 0; 0 exactly where every negative is further than every positive by at least ``margin``.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``margin`` is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[0.0], [1.0], [1.5]]), jnp.array([0, 0, 1])
        >>> jaxloss.batch_hard_triplet_loss(embeddings, labels, reduction="none")
        Array([0.5, 1.5, 0. ], dtype=float32)

    Reference:
        Hermans, Beyer and Leibe (2017), In Defense of the Triplet Loss for Person Re-Identification.
        https://arxiv.org/abs/1703.07737
    """
    x, crowd, positives, negatives = grouped(where, axis_name, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)
    distances = jax.lax.stop_gradient(pair_distances(x, crowd.keep, axis_name))
    everybody = crowd.everybody(x)
    near = _distance_to_largest(x, everybody, jnp.where(positives, distances, -jnp.inf))
    far = _distance_to_largest(x, everybody, jnp.where(negatives, -distances, -jnp.inf))
    values = numerics.positive_part(margin + (near - far))
    complete = jnp.any(positives, axis=-1) & jnp.any(negatives, axis=-1)
    return reduce(values, where=some(where, complete), weights=weights, reduction=over(axis_name, reduction))


def _distance_to_largest(x: Array, everybody: Array, scores: Array) -> Array:
    """The distance of every row of ``x`` to the other of the largest score ``[..., N, M]``, from their difference."""
    if not x.shape[-2]:
        return jnp.sum(x, axis=-1)
    chosen = jnp.take_along_axis(everybody, jnp.argmax(scores, axis=-1)[..., None], axis=-2, mode="promise_in_bounds")
    return vector_norm(x - chosen)


def batch_semi_hard_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Semi-hard triplet loss (FaceNet): every positive pair and the nearest negative further away than the positive.

    .. math:: \ell_i = \frac{1}{P_i} \sum_{p: y_p = y_i} \max\left( 0, m + d_{ip} - d_{in(p)} \right),
              \qquad d_{in(p)} = \min \{ d_{in} : y_n \ne y_i, \, d_{in} > d_{ip} \}

    and the furthest negative where none is further than the positive; :math:`d_{ij} = \| x_i - x_j \|_2`. An anchor
    counts once for each of its :math:`P_i` positives, so that the mean is the mean over all positive pairs, as in
    TensorFlow Addons. Negatives are found in the sorted row of the anchor, not by comparing all triplets.

    The distances come from inner products: between points that are close compared with the spread of the batch, the
    error of a float32 distance is up to 3e-4 of that spread.

    Args:
        embeddings, labels, axis_name, where, weights: See `jaxloss.representation`.
        margin: Margin :math:`m`, in units of the distance; > 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives or without
            negatives is absent.

    Returns:
        A scalar >= 0; 0 exactly where every negative is further than every positive by at least ``margin``.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``margin`` is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[0.0], [1.0], [1.5]]), jnp.array([0, 0, 1])
        >>> jaxloss.batch_semi_hard_triplet_loss(embeddings, labels, reduction="none")
        Array([0.5, 1.5, 0. ], dtype=float32)

    Reference:
        Schroff, Kalenichenko and Philbin (2015), FaceNet: A Unified Embedding for Face Recognition and Clustering.
        https://arxiv.org/abs/1503.03832
    """
    x, crowd, positives, negatives = grouped(where, axis_name, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)
    distances = pair_distances(x, crowd.keep, axis_name)
    hinge = numerics.positive_part(margin + (distances - _semi_hard(distances, negatives)))
    hinge = jnp.where(positives, hinge, jnp.zeros((), hinge.dtype))
    pairs = jnp.sum(positives, axis=-1, dtype=jnp.int32)
    complete = (pairs > 0) & jnp.any(negatives, axis=-1)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(
        pool_mean(hinge, positives), where=some(where, complete), weights=each, reduction=over(axis_name, reduction)
    )


def _semi_hard(distances: Array, negatives: Array) -> Array:
    """Per entry of a row of distances the smallest greater one among the negatives of the row, or their largest."""
    if distances.size == 0:
        return distances
    fixed = jax.lax.stop_gradient(distances)
    masked = jnp.where(negatives, fixed, jnp.inf)
    order = jnp.argsort(masked, axis=-1)
    ranked = jnp.take_along_axis(masked, order, axis=-1)
    rank = jnp.vectorize(lambda row, at: jnp.searchsorted(row, at, side="right"), signature="(n),(m)->(m)")
    last = jnp.sum(negatives, axis=-1, keepdims=True, dtype=jnp.int32) - 1
    index = jnp.clip(rank(ranked, fixed).astype(jnp.int32), 0, jnp.maximum(last, 0))
    return jnp.take_along_axis(distances, jnp.take_along_axis(order, index, axis=-1), axis=-1)
