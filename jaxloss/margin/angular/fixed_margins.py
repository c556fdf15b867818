"""Softmax over angles: embeddings are compared with the centres of classes on the unit sphere."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.margin.angular._angles import cross_entropy, directions, widened

__all__ = ["arcface_loss", "cosface_loss", "normalized_softmax_loss"]


def normalized_softmax_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    kernel: ArrayLike,
    *,
    scale: Scalar = 20.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softmax cross-entropy of cosines (NormFace): only the direction of an embedding counts.

    .. math:: \ell = -\log \frac{e^{s \cos \theta_y}}{\sum_k e^{s \cos \theta_k}}

    with :math:`\theta_k` the angle between the embedding and the centre of class :math:`k`.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is at right angles to all.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes]``, floating; need not be normalised.
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or ``scale`` is not positive.

    Example:
        >>> embeddings, centres = jnp.array([[3.0, 4.0]]), jnp.eye(2)
        >>> jaxloss.normalized_softmax_loss(embeddings, jnp.array([1]), centres, scale=5.0)
        Array(0.3132617, dtype=float32)

    Reference:
        Wang et al. (2017), NormFace: L2 Hypersphere Embedding for Face Verification. https://arxiv.org/abs/1704.06369
    """
    faces = directions(where, embeddings, labels, kernel)
    scale = checks.scalar("scale", scale, faces.cosines.dtype, above=0)
    values = cross_entropy(scale * faces.cosines, faces.labels)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def cosface_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    kernel: ArrayLike,
    *,
    margin: Scalar = 0.35,
    scale: Scalar = 64.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Normalised softmax in which the cosine of the true class must lead by a margin (AM-Softmax).

    .. math:: \ell = -\log \frac{e^{s (\cos \theta_y - m)}}
              {e^{s (\cos \theta_y - m)} + \sum_{k \ne y} e^{s \cos \theta_k}}

    with :math:`\theta_k` the angle between the embedding and the centre of class :math:`k`.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is at right angles to all.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes]``, floating; need not be normalised.
        margin: The lead :math:`m`, a difference of cosines; >= 0.
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, ``margin`` is negative or ``scale`` not positive.

    Example:
        >>> embeddings, centres = jnp.array([[3.0, 4.0]]), jnp.eye(2)
        >>> jaxloss.cosface_loss(embeddings, jnp.array([1]), centres, margin=0.2, scale=5.0)
        Array(0.6931472, dtype=float32)

    Reference:
        Wang et al. (2018), CosFace: Large Margin Cosine Loss for Deep Face Recognition.
        https://arxiv.org/abs/1801.09414
    """
    faces = directions(where, embeddings, labels, kernel)
    cosines = faces.cosines
    margin = checks.scalar("margin", margin, cosines.dtype, at_least=0)
    scale = checks.scalar("scale", scale, cosines.dtype, above=0)
    values = cross_entropy(scale * jnp.where(faces.true(), cosines - margin, cosines), faces.labels)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def arcface_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    kernel: ArrayLike,
    *,
    margin: Scalar = 0.5,
    scale: Scalar = 64.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Normalised softmax in which the angle to the true class must be smaller by a margin (AAM-Softmax).

    .. math:: \ell = -\log \frac{e^{s \psi(\theta_y)}}{e^{s \psi(\theta_y)} + \sum_{k \ne y} e^{s \cos \theta_k}},
              \qquad \psi(\theta) = \begin{cases} \cos(\theta + m) & \theta \le \pi - m \\
              \cos \theta - m \sin m & \theta > \pi - m \end{cases}

    with :math:`\theta_k` the angle between the embedding and the centre of class :math:`k`. The second case, as
    in InsightFace, keeps :math:`\psi` decreasing. No angle is computed: the sine comes from the sum and the
    difference of the unit vectors, which is exact near 0 and :math:`\pi`, and the gradient is bounded there.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is at right angles to all.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes]``, floating; need not be normalised.
        margin: The angle :math:`m` in radians, not degrees as in pytorch-metric-learning; in [0, pi].
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, ``margin`` is not in [0, pi] or ``scale`` not positive.

    Example:
        >>> embeddings, centres = jnp.array([[3.0, 4.0]]), jnp.eye(2)
        >>> jaxloss.arcface_loss(embeddings, jnp.array([1]), centres, margin=0.2, scale=5.0)
        Array(0.54410386, dtype=float32)

    Reference:
        Deng et al. (2019), ArcFace: Additive Angular Margin Loss for Deep Face Recognition.
        https://arxiv.org/abs/1801.07698
    """
    faces = directions(where, embeddings, labels, kernel)
    margin = checks.scalar("margin", margin, faces.cosines.dtype, at_least=0, at_most=math.pi)
    scale = checks.scalar("scale", scale, faces.cosines.dtype, above=0)
    own = widened(faces.units, faces.own_centre(), margin)[..., None]
    values = cross_entropy(scale * jnp.where(faces.true(), own, faces.cosines), faces.labels)
    return reduce(values, where=where, weights=weights, reduction=reduction)
