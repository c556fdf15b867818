"""Histograms of the similarities in a labelled set: average precision (FastAP), overlap of positives and negatives."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import divide_sums, hide, pool_mass, reduce
from jaxloss._floor.spread import over, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.representation._groups import labelled, some, unit
from jaxloss.representation.similarity_ranks._soft_counts import soft_counts

__all__ = ["fast_ap_loss", "histogram_loss"]


def fast_ap_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    num_bins: int = 10,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""FastAP: one minus the average precision of the neighbours of an example, from histograms of their distances.

    .. math:: \ell_i = 1 - \frac{1}{P_i} \sum_b \frac{h^+_{ib} H^+_{ib}}{H^+_{ib} + H^-_{ib}}, \qquad
              H^\pm_{ib} = \sum_{a \le b} h^\pm_{ia}

    with :math:`h^+` and :math:`h^-` how many of the :math:`P_i` positives and of the negatives are near each of
    ``num_bins + 1`` squared distances of unit vectors, from 0 to 4 in equal steps; an example between two of them
    counts for both, in proportion. Within a bin the order does not count. For smooth ranks in the place of bins see
    `jaxloss.smooth_ap_loss`.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        num_bins: Number of bins, a whole number >= 1, static.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives is absent.

    Returns:
        A scalar in [0, 1]; 0 exactly where all positives are nearer than all negatives by two bins.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``num_bins`` is not a whole number >= 1.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), jnp.array([0, 1, 0])
        >>> jaxloss.fast_ap_loss(embeddings, labels)
        Array(0.5, dtype=float32)

    Reference:
        Cakir, He, Xia, Kulis and Sclaroff (2019), Deep Metric Learning to Rank.
        https://doi.org/10.1109/CVPR.2019.00196
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    num_bins = checks.whole("num_bins", num_bins)
    x = unit(x)

    def of_rows(cosines: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        # The nearest are the most similar.
        near, far = (count[..., ::-1] for count in soft_counts(cosines, num_bins, positives, negatives))
        nearer, rivals = jnp.cumsum(near, axis=-1), jnp.cumsum(far, axis=-1)
        lost = jnp.sum(near * numerics.divide(rivals, nearer + rivals), axis=-1)
        count = jnp.sum(positives, axis=-1, dtype=x.dtype)
        return divide_sums(lost, count), count > 0

    values, attracted = group.anchors(of_rows, x, x)
    return reduce(values, where=some(where, attracted), weights=weights, reduction=over(axis_name, reduction))


def histogram_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    num_bins: int = 100,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Histogram loss: the probability that a random negative pair is more similar than a random positive pair.

    .. math:: \ell = \sum_b h^-_b \sum_{a \le b} h^+_a

    with :math:`h^+` and :math:`h^-` the shares of the positive and of the negative pairs of the set that are near each
    of ``num_bins + 1`` cosines, from -1 to 1 in equal steps; a pair between two of them counts for both, in
    proportion. The examples are pooled, so ``where`` and ``weights`` belong to them, and the weight of a pair is the
    product of its two. pytorch-metric-learning leaves out the negative pairs of two examples that have no positives.

    Args:
        embeddings, labels, chunk_size, axis_name: See `jaxloss.representation`.
        num_bins: Number of bins, a whole number >= 1, static.
        where, weights: Shape ``[..., N]``; a set without a positive or without a negative pair is absent. See
            `jaxloss.reduce`.
        reduction: Over the sets ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1], up to rounding; 0 exactly where all positive pairs are more similar than all negative ones
        by two bins.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``num_bins`` is not a whole number >= 1; or if every set has one
            example, as in ``[N, 1, D]``.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.histogram_loss(embeddings, labels)
        Array(1., dtype=float32)

    Reference:
        Ustinova and Lempitsky (2016), Learning Deep Embeddings with Histogram Loss. https://arxiv.org/abs/1611.00822
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    checks.with_pool("examples features", embeddings=x)
    num_bins = checks.whole("num_bins", num_bins)
    x = unit(x)
    mass, _ = pool_mass(where, weights, x[..., 0])
    mine = jnp.ones_like(x[..., 0])
    if mass is not None:
        mine = hide(mass.astype(bool), at_unit_scale(mass, -1, axis_name).astype(x.dtype))
    theirs = jnp.swapaxes(group.crowd.everybody(mine[..., None]), -1, -2)

    def of_rows(cosines: Array, *sides: Array) -> tuple[Array, ...]:
        return soft_counts(cosines, num_bins, *(jnp.where(side, theirs, 0.0) for side in sides))

    rows = group.anchors(of_rows, x, x)
    near, far = summed(axis_name, tuple(jnp.sum(mine[..., None] * row, axis=-2) for row in rows))
    found, rivals = (jnp.sum(count, axis=-1) for count in (near, far))
    total = jnp.sum(far * jnp.cumsum(near, axis=-1), axis=-1)
    present = (found != 0) & (rivals != 0)
    return reduce(divide_sums(divide_sums(total, found), rivals), where=present, reduction=reduction)
