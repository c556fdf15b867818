"""Losses of given triplets: an anchor should be nearer to its positive than to its negative."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.distances import euclidean_distance, vector_distance
from jaxloss._floor.reduction import promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["soft_margin_triplet_loss", "triplet_margin_loss"]


def _triplets(where: ArrayLike | None, **embeddings: ArrayLike) -> tuple[list[Array], Array | None]:
    """The three embeddings, and which triplets are kept; None if all are."""
    arrays = dict(zip(embeddings, checks.floating(**embeddings), strict=True))
    checks.with_axes("features", anchors=arrays["anchors"])
    checks.same_shape(**arrays)
    return list(arrays.values()), None if where is None else checks.mask(where, arrays["anchors"].shape[:-1])


def triplet_margin_loss(
    anchors: ArrayLike,
    positives: ArrayLike,
    negatives: ArrayLike,
    *,
    margin: Scalar = 1.0,
    norm_degree: Scalar = 2.0,
    swap: bool = False,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Triplet margin loss: the positive should be nearer to the anchor than the negative by a margin.

    .. math:: \ell = \max\left( 0, m + \| a - p \| - \| a - n \| \right)

    With ``swap`` the negative's distance is the smaller one of :math:`\| a - n \|` and :math:`\| p - n \|`.
    Nothing is added to the coordinates or under the root (PyTorch adds 1e-6 to each coordinate difference, optax
    to the sum of powers), so equal vectors are at distance 0, with zero gradient.

    Args:
        anchors: Embeddings, shape ``[..., D]``, floating.
        positives: Embeddings that should be near, shape ``[..., D]``, the same; never broadcast.
        negatives: Embeddings that should be far, shape ``[..., D]``, the same.
        margin: Margin :math:`m`, in units of the distance; > 0.
        norm_degree: Degree of the norm; >= 1 and finite: 2 is Euclidean, 1 the sum of magnitudes.
        swap: Whether the positive replaces the anchor where it is nearer to the negative.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where every negative is further than the positive by ``margin``.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or a hyperparameter is out of range.

    Example:
        >>> anchors, positives, negatives = jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 5.5]])
        >>> jaxloss.triplet_margin_loss(anchors, positives, negatives)
        Array(0.5, dtype=float32)

    Reference:
        Schroff, Kalenichenko and Philbin (2015), FaceNet: A Unified Embedding for Face Recognition and Clustering.
        https://arxiv.org/abs/1503.03832
        Balntas et al. (2016), Learning Local Feature Descriptors with Triplets (the swap).
        https://doi.org/10.5244/C.30.119
    """
    (a, p, n), keep = _triplets(where, anchors=anchors, positives=positives, negatives=negatives)
    dtype = promote(a, p, n)[0].dtype
    margin = checks.scalar("margin", margin, dtype, above=0)
    degree = checks.scalar("norm_degree", norm_degree, dtype, at_least=1, below=math.inf)
    near, far = vector_distance(a, p, keep, degree), vector_distance(a, n, keep, degree)
    if swap:
        far = jnp.minimum(far, vector_distance(p, n, keep, degree))
    values = numerics.positive_part(margin + (near - far))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def soft_margin_triplet_loss(
    anchors: ArrayLike,
    positives: ArrayLike,
    negatives: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft-margin triplet loss: softplus of the difference of two distances, without a margin to choose.

    .. math:: \ell = \log\left( 1 + e^{\| a - p \|_2 - \| a - n \|_2} \right)

    Args:
        anchors: Embeddings, shape ``[..., D]``, floating.
        positives: Embeddings that should be near, shape ``[..., D]``, the same; never broadcast.
        negatives: Embeddings that should be far, shape ``[..., D]``, the same.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, with full relative accuracy for small values; log 2 where both are equally far.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or the feature axis is missing or empty.

    Example:
        >>> anchors, positives, negatives = jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 6.0]])
        >>> jaxloss.soft_margin_triplet_loss(anchors, positives, negatives)
        Array(0.3132617, dtype=float32)

    Reference:
        Hermans, Beyer and Leibe (2017), In Defense of the Triplet Loss for Person Re-Identification.
        https://arxiv.org/abs/1703.07737
    """
    (a, p, n), keep = _triplets(where, anchors=anchors, positives=positives, negatives=negatives)
    values = numerics.softplus(euclidean_distance(a, p, keep) - euclidean_distance(a, n, keep))
    return reduce(values, where=where, weights=weights, reduction=reduction)
