"""Losses of pairs of embeddings that are known to be similar or dissimilar."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.distances import euclidean_distance
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.regression.correlations import cosine_distance

__all__ = ["contrastive_loss", "cosine_embedding_loss", "hinge_embedding_loss"]


def _pairs(
    where: ArrayLike | None, anchors: ArrayLike, others: ArrayLike, targets: ArrayLike
) -> tuple[Array, Array, Array, Array | None]:
    """The two embeddings of each pair, its target, 1 where masked, and which pairs are kept; None if all are."""
    anchors, others = checks.values(anchors=anchors, others=others)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("features", anchors=anchors)
    checks.has_shape(anchors.shape[:-1], "anchors.shape[:-1], the feature axis is last", targets=targets)
    if not jnp.issubdtype(others.dtype, jnp.floating):
        (others,) = promote(others)
    keep = None if where is None else checks.mask(where, targets.shape)
    return anchors, others, hide(keep, targets, fill=1), keep


def _sided(targets: Array, distance: Array, dissimilar_target: int) -> tuple[Array, Array]:
    """Where the target is 1, and the distance, NaN where it is neither 1 nor the other one.

    What comes after may be flat: spoiled here, the gradient is NaN there too.
    """
    positive, negative = targets == 1, targets == dissimilar_target
    value_checks.ensure(lambda: positive | negative, f"targets must be 1 or {dissimilar_target}")
    return positive, numerics.poison(distance, positive | negative)


def contrastive_loss(
    anchors: ArrayLike,
    others: ArrayLike,
    targets: ArrayLike,
    *,
    margin: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Contrastive loss: squared distance of a similar pair; squared hinge on the distance of a dissimilar pair.

    .. math:: \ell = \begin{cases} d^2 & y = 1 \\ \max(0, m - d)^2 & y = 0 \end{cases},
              \qquad d = \| a - b \|_2

    The paper has a factor 1/2 and marks similar pairs by 0. pytorch-metric-learning's default of this name does
    not square and normalises the embeddings. At distance 0 the direction in which a dissimilar pair should part is
    undefined, and its gradient is 0.

    Args:
        anchors: Embeddings, shape ``[..., D]``, floating.
        others: The embeddings to compare with, shape ``[..., D]``, the same; never broadcast.
        targets: 1 for a similar pair, 0 for a dissimilar one, shape ``[...]``; floating or integer.
        margin: Distance at which the loss of a dissimilar pair reaches 0; > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly for similar pairs that are equal and dissimilar ones beyond the margin. NaN where a
        target is neither 0 nor 1.

    Raises:
        TypeError: If ``anchors`` is not floating.
        ValueError: If the shapes do not match, or ``margin`` is not positive.

    Example:
        >>> anchors, others = jnp.zeros((2, 2)), jnp.array([[0.3, 0.4], [0.3, 0.4]])
        >>> jaxloss.contrastive_loss(anchors, others, jnp.array([1, 0]), margin=2.0, reduction="none")
        Array([0.25, 2.25], dtype=float32)

    Reference:
        Hadsell, Chopra and LeCun (2006), Dimensionality Reduction by Learning an Invariant Mapping.
        https://doi.org/10.1109/CVPR.2006.100
    """
    anchors, others, targets, keep = _pairs(where, anchors, others, targets)
    distance = euclidean_distance(anchors, others, keep)
    margin = checks.scalar("margin", margin, distance.dtype, above=0)
    similar, distance = _sided(targets, distance, 0)
    values = jnp.square(jnp.where(similar, distance, numerics.positive_part(margin - distance)))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def cosine_embedding_loss(
    anchors: ArrayLike,
    others: ArrayLike,
    targets: ArrayLike,
    *,
    margin: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cosine embedding loss: one minus the cosine of a similar pair; hinge on the cosine of a dissimilar pair.

    .. math:: \ell = \begin{cases} 1 - c & y = 1 \\ \max(0, c - m) & y = -1 \end{cases},
              \qquad c = \frac{\langle a, b \rangle}{\|a\| \, \|b\|}

    A zero vector has no direction: its cosine counts as 0 and its gradient is 0.

    Args:
        anchors: Embeddings, shape ``[..., D]``, floating; need not be normalised.
        others: The embeddings to compare with, shape ``[..., D]``, the same; never broadcast.
        targets: 1 for a similar pair, -1 for a dissimilar one, shape ``[...]``; floating or integer.
        margin: Cosine at which the loss of a dissimilar pair reaches 0; in [-1, 1].
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2]``, up to rounding at 2; 0 exactly for similar pairs that are equal. NaN where a target
        is neither 1 nor -1.

    Raises:
        TypeError: If ``anchors`` is not floating.
        ValueError: If the shapes do not match, or ``margin`` is out of range.

    Example:
        >>> anchors, others = jnp.array([[3.0, 4.0], [3.0, 4.0]]), jnp.array([[6.0, 8.0], [6.0, 8.0]])
        >>> jaxloss.cosine_embedding_loss(anchors, others, jnp.array([1, -1]), margin=0.5, reduction="none")
        Array([0. , 0.5], dtype=float32)

    Reference:
        Salvador et al. (2017), Learning Cross-Modal Embeddings for Cooking Recipes and Food Images.
        https://doi.org/10.1109/CVPR.2017.327
    """
    anchors, others, targets, keep = _pairs(where, anchors, others, targets)
    anchors, others = blank(keep, anchors, others, event_ndim=1)
    apart = cosine_distance(anchors, others, reduction="none")
    margin = checks.scalar("margin", margin, apart.dtype, at_least=-1, at_most=1)
    similar, apart = _sided(targets, apart, -1)
    values = jnp.where(similar, apart, numerics.positive_part(1 - apart - margin))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def hinge_embedding_loss(
    distances: ArrayLike,
    targets: ArrayLike,
    *,
    margin: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hinge embedding loss: distance of a similar pair; hinge on the distance of a dissimilar pair.

    .. math:: \ell = \begin{cases} d & y = 1 \\ \max(0, m - d) & y = -1 \end{cases}

    Args:
        distances: Distances of the pairs, shape ``[...]``, floating, >= 0. (Negative ones are taken as they are.)
        targets: 1 for a similar pair, -1 for a dissimilar one, shape ``[...]``; floating or integer.
        margin: Distance at which the loss of a dissimilar pair reaches 0; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar, in units of ``distances``; >= 0 where they are. NaN where a target is neither 1 nor -1.

    Raises:
        TypeError: If ``distances`` is not floating.
        ValueError: If the shapes differ, or ``margin`` is not positive.

    Example:
        >>> jaxloss.hinge_embedding_loss(jnp.array([0.25, 0.25]), jnp.array([1, -1]), reduction="none")
        Array([0.25, 0.75], dtype=float32)

    Reference:
        Mobahi, Collobert and Weston (2009), Deep Learning from Temporal Coherence in Video.
        https://doi.org/10.1145/1553374.1553469
    """
    distances, targets = checks.values(distances=distances, targets=targets)
    (distances,) = promote(hide(where, distances))
    margin = checks.scalar("margin", margin, distances.dtype, above=0)
    similar, distances = _sided(hide(where, targets, fill=1), distances, -1)
    values = jnp.where(similar, distances, numerics.positive_part(margin - distances))
    return reduce(values, where=where, weights=weights, reduction=reduction)
