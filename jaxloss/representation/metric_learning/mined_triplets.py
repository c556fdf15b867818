"""Triplet losses mined in a batch, with static shapes: all triplets, the hardest, the semi-hard ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.distances import euclidean_distance
from jaxloss._floor.reduction import divide_sums, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import labelled, per_pair, some
from jaxloss.representation.metric_learning._labelled_rows import Sides, by_anchors
from jaxloss.representation.metric_learning._largest import largest_of
from jaxloss.representation.metric_learning._triplet_sums import all_triplets, semi_hard

__all__ = ["batch_all_triplet_loss", "batch_hard_triplet_loss", "batch_semi_hard_triplet_loss"]


def batch_all_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Batch-all triplet loss: triplet margin loss of all triplets of a batch, averaged over those above 0.

    .. math:: \ell_i = \frac{1}{A_i} \sum_{p: y_p = y_i} \sum_{n: y_n \ne y_i}
              \max\left( 0, m + d_{ip} - d_{in} \right), \qquad d_{ij} = \| x_i - x_j \|_2

    with :math:`A_i` the number of terms above 0. An anchor counts once for each of these, so the mean is the mean over
    all active triplets of the batch. The sums are taken over the sorted distances of an anchor, not over its triplets:
    time grows with ``N N log N``.

    The distances come from inner products: between points that are close compared with the spread of the batch, the
    error of a float32 distance is up to 3e-4 of that spread.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
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
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)
    total, active = by_anchors(lambda sides: all_triplets(sides, margin), x, group)
    values = divide_sums(total, active.astype(x.dtype))
    each = per_pair(active, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, active > 0), weights=each, reduction=over(axis_name, reduction))


def batch_hard_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    chunk_size: int | None = None,
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
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
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
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)
    fixed = jax.lax.stop_gradient(x)
    furthest, nearest, complete = by_anchors(_hardest, fixed, group)
    everybody = group.crowd.everybody(x)
    near, far = (_distance_to(x, everybody, chosen) for chosen in (furthest, nearest))
    values = numerics.positive_part(margin + (near - far))
    return reduce(values, where=some(where, complete), weights=weights, reduction=over(axis_name, reduction))


def _hardest(sides: Sides) -> tuple[Array, Array, Array]:
    """The place of the furthest positive and of the nearest negative of each anchor, and whether it has both."""
    distances, positives, negatives = sides
    furthest, has_positive = largest_of(distances, positives)
    nearest, has_negative = largest_of(-distances, negatives)
    return furthest, nearest, has_positive & has_negative


def _distance_to(x: Array, everybody: Array, chosen: Array) -> Array:
    """The distance of every row of ``x`` to the chosen one of all, from their difference."""
    if not x.shape[-2]:
        return jnp.sum(x, axis=-1)
    others = jnp.take_along_axis(everybody, chosen[..., None], axis=-2, mode="promise_in_bounds")
    return euclidean_distance(x, others)


def batch_semi_hard_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 1.0,
    chunk_size: int | None = None,
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
    TensorFlow Addons. Negatives are found in the sorted distances of an anchor: time grows with ``N N log N``.

    The distances come from inner products: between points that are close compared with the spread of the batch, the
    error of a float32 distance is up to 3e-4 of that spread.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
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
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)
    values, pairs = by_anchors(lambda sides: semi_hard(sides, margin), x, group)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))
