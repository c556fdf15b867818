"""Several centres for each class: an embedding is compared with the nearest one, and outliers gather at another."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.margin.angular._angles import cross_entropy, directions, widened

__all__ = ["sub_center_arcface_loss"]


def sub_center_arcface_loss(
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
    r"""Sub-centre ArcFace: `jaxloss.arcface_loss` with several centres for each class, for noisy labels.

    .. math:: \ell = -\log \frac{e^{s \psi(\theta_y)}}{e^{s \psi(\theta_y)} + \sum_{k \ne y} e^{s \cos \theta_k}},
              \qquad \theta_k = \min_j \theta_{kj}

    with :math:`\theta_{kj}` the angle between the embedding and centre :math:`j` of class :math:`k`, and :math:`\psi`
    as for `jaxloss.arcface_loss`. Only the nearest centre of a class learns, so that images with a wrong label can
    gather around a centre of their own; centres at equal angles share the gradient.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is at right angles to all.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes, centres]``, floating; need not be normalised.
        margin: The angle :math:`m` in radians, not degrees as in pytorch-metric-learning; in [0, pi].
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, ``margin`` is not in [0, pi] or ``scale`` not positive.

    Example:
        >>> centres = jnp.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, -1.0]]])
        >>> embeddings = jnp.array([[3.0, 4.0]])
        >>> jaxloss.sub_center_arcface_loss(embeddings, jnp.array([1]), centres, margin=0.2, scale=5.0)
        Array(0.54410386, dtype=float32)

    Reference:
        Deng et al. (2020), Sub-center ArcFace: Boosting Face Recognition by Large-scale Noisy Web Faces.
        https://www.ecva.net/papers/eccv_2020/papers_ECCV/papers/123560715.pdf
    """
    faces = directions(where, embeddings, labels, kernel, several=True)
    margin = checks.scalar("margin", margin, faces.cosines.dtype, at_least=0, at_most=math.pi)
    scale = checks.scalar("scale", scale, faces.cosines.dtype, above=0)
    own = numerics.largest(widened(faces.units[..., None, :], faces.own_centre(), margin))[..., None]
    values = cross_entropy(scale * jnp.where(faces.true(), own, faces.largest_cosines()), faces.labels)
    return reduce(values, where=where, weights=weights, reduction=reduction)
