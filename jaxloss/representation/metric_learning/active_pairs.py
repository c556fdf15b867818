"""Hinges on the distances of all pairs of a labelled set (beta-margin, lifted structure)."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import divide_sums, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import gathered, labelled, per_pair, some
from jaxloss.representation.metric_learning._labelled_rows import Sides, by_anchors

__all__ = ["beta_margin_loss", "lifted_structure_loss"]


def _sum_over(members: Array, terms: Array) -> Array:
    return jnp.sum(jnp.where(members, terms, jnp.zeros((), terms.dtype)), axis=-1)


def beta_margin_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    boundary: Scalar = 1.2,
    margin: Scalar = 0.2,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Margin-based loss (beta-margin): positives are within a boundary and negatives beyond it, each by a margin.

    .. math:: \ell_i = \frac{1}{A_i} \sum_{p: y_p = y_i} \sum_{n: y_n \ne y_i}
              \max(0, d_{ip} - \beta + \alpha) + \max(0, \beta - d_{in} + \alpha), \qquad d_{ij} = \| x_i - x_j \|_2

    with :math:`A_i` the number of terms above 0. So an anchor has as many positive as negative pairs, as the paper has
    by sampling. It counts once for each term above 0, and the mean is the mean over all active terms of the batch. The
    paper and pytorch-metric-learning normalise the embeddings. A learned :math:`\beta` is differentiated like any other
    number; the paper adds a multiple of it to the loss.

    The distances come from inner products: between points that are close compared with the spread of the batch, the
    error of a float32 distance is up to 3e-4 of that spread.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        boundary: Distance :math:`\beta` between positives and negatives, in units of the distance; > 0.
        margin: Margin :math:`\alpha` on both sides of the boundary, in units of the distance; >= 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without active terms is absent.

    Returns:
        A scalar >= 0; 0 exactly where all positives are nearer than ``boundary - margin`` and all negatives further
        than ``boundary + margin``.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, ``boundary`` is not positive or ``margin`` is negative.

    Example:
        >>> embeddings, labels = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.beta_margin_loss(embeddings, labels, boundary=1.0, margin=0.5, reduction="none")
        Array([0.5, 1. , 0. ], dtype=float32)

    Reference:
        Wu et al. (2017), Sampling Matters in Deep Embedding Learning. https://arxiv.org/abs/1706.07567
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    boundary = checks.scalar("boundary", boundary, x.dtype, above=0)
    margin = checks.scalar("margin", margin, x.dtype, at_least=0)

    def of_anchors(sides: Sides) -> tuple[Array, Array]:
        distances, positives, negatives = sides
        near = numerics.positive_part(distances - boundary + margin)
        far = numerics.positive_part(boundary - distances + margin)
        count = lambda members: jnp.sum(members, axis=-1, dtype=x.dtype)
        # Every positive meets every negative: the sums over pairs, each times the number of its partners.
        total = count(negatives) * _sum_over(positives, near) + count(positives) * _sum_over(negatives, far)
        active = count(negatives) * count(positives & (near != 0)) + count(positives) * count(negatives & (far != 0))
        return total, active

    total, active = by_anchors(of_anchors, x, group)
    each = per_pair(active, weights, x.dtype, axis_name, reduction)
    values = divide_sums(total, active)
    return reduce(values, where=some(where, active > 0), weights=each, reduction=over(axis_name, reduction))


def lifted_structure_loss(
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
    r"""Lifted structure loss: squared hinge of a positive pair against a soft maximum over all negatives of both.

    .. math:: \ell_i = \frac{1}{2 P_i} \sum_{p: y_p = y_i} \max(0, J_{ip})^2, \qquad
              J_{ip} = d_{ip} + \log\Big( \sum_{n: y_n \ne y_i} e^{m - d_{in}} + e^{m - d_{pn}} \Big)

    with :math:`d_{ij} = \| x_i - x_j \|_2`. An anchor counts once for each of its :math:`P_i` positives, so that the
    mean is the paper's mean over positive pairs. Embeddings are not normalised; pytorch-metric-learning does that.

    The distances come from inner products: between points that are close compared with the spread of the batch, the
    error of a float32 distance is up to 3e-4 of that spread.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        margin: Margin :math:`m`, in units of the distance; > 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives or without
            negatives is absent.

    Returns:
        A scalar >= 0; 0 exactly where the negatives are so far that no pair is active.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``margin`` is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[0.0], [0.0], [2.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.lifted_structure_loss(embeddings, labels, margin=3.0)
        Array(1.4333739, dtype=float32)

    Reference:
        Oh Song et al. (2016), Deep Metric Learning via Lifted Structured Feature Embedding.
        https://arxiv.org/abs/1511.06452
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, above=0)

    def nearness(sides: Sides) -> Array:
        """Of the negatives of each anchor; 0 if there are none."""
        soft = gathered(margin - sides.distances, sides.negatives)
        return jnp.where(jnp.any(sides.negatives, axis=-1), soft, jnp.zeros((), x.dtype))

    theirs = group.crowd.everybody(by_anchors(nearness, x, group)[..., None])
    theirs = jnp.swapaxes(theirs, -1, -2)

    def of_anchors(sides: Sides) -> tuple[Array, Array]:
        pairs = sides.positives & jnp.any(sides.negatives, axis=-1, keepdims=True)
        own = nearness(sides)[..., None]
        hinge = numerics.positive_part(sides.distances + (theirs + numerics.softplus(own - theirs)))
        return 0.5 * _sum_over(pairs, jnp.square(hinge)), jnp.sum(pairs, axis=-1, dtype=jnp.int32)

    total, pairs = by_anchors(of_anchors, x, group)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    values = divide_sums(total, pairs.astype(x.dtype))
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))
