"""Angles to the true class are multiplied by a whole number, which makes it harder to reach (SphereFace)."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.margin.angular._angles import cross_entropy, directions

__all__ = ["sphereface_loss"]


def sphereface_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    kernel: ArrayLike,
    *,
    multiple: int = 4,
    scale: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SphereFace (A-Softmax): softmax over classes in which the angle to the true class counts several times.

    .. math:: \ell = -\log \frac{e^{s \|x\| \psi(\theta_y)}}
              {e^{s \|x\| \psi(\theta_y)} + \sum_{k \ne y} e^{s \|x\| \cos \theta_k}}, \qquad
              \psi(\theta) = (-1)^j \cos(m \theta) - 2 j, \quad \theta \in \left[ \frac{j \pi}{m},
              \frac{(j + 1) \pi}{m} \right]

    with :math:`\theta_k` the angle between the embedding and the centre of class :math:`k`. The centres are normalised
    and the embeddings are not. :math:`\psi` is a smooth function of the cosine, made of Chebyshev polynomials, so no
    angle is computed. The authors mix it with the cosine early in training.

    Args:
        embeddings: Shape ``[..., D]``, floating, not normalised; a zero vector has equal scores.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes]``, floating; need not be normalised.
        multiple: Factor :math:`m` of the angle to the true class, a whole number >= 1, static. 1 is softmax
            cross-entropy with normalised centres. pytorch-metric-learning calls it ``margin``.
        scale: Factor :math:`s` of all scores; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, ``multiple`` is not a whole number >= 1 or ``scale`` is not positive.

    Example:
        >>> embeddings, centres = jnp.array([[3.0, 4.0]]), jnp.eye(2)
        >>> jaxloss.sphereface_loss(embeddings, jnp.array([1]), centres, multiple=2)
        Array(1.7839004, dtype=float32)

    Reference:
        Liu et al. (2017), SphereFace: Deep Hypersphere Embedding for Face Recognition.
        https://arxiv.org/abs/1704.08063
    """
    faces = directions(where, embeddings, labels, kernel)
    multiple = checks.whole("multiple", multiple)
    scale = checks.scalar("scale", scale, faces.cosines.dtype, above=0)
    lengths = numerics.norm(faces.embeddings, keepdims=True)
    angular = jnp.where(faces.true(), _multiplied(faces.cosines, multiple), faces.cosines)
    # Lengths multiply differences: behind a product, the largest score would be off by the rounding of a long vector.
    values = cross_entropy(scale * lengths * below_peak(angular)[0], faces.labels)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _multiplied(cosine: Array, multiple: int) -> Array:
    """The cosine of a multiple of the angle, continued so that it decreases up to an angle of pi."""
    last, polynomial = jnp.ones_like(cosine), cosine
    for _ in range(multiple - 1):
        last, polynomial = polynomial, 2 * cosine * polynomial - last
    turns = sum((cosine < math.cos(j * math.pi / multiple)).astype(cosine.dtype) for j in range(1, multiple))
    return (1 - 2 * (turns % 2)) * polynomial - 2 * turns
