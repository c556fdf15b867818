"""Losses of a labelled set that weigh every pair by how far it is from where it should be."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.representation._groups import gathered, grouped, similarities, some, unit

__all__ = ["circle_loss", "multi_similarity_loss"]


def multi_similarity_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    alpha: Scalar = 2.0,
    beta: Scalar = 50.0,
    base: Scalar = 0.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft hinges on cosines: positives should be above a threshold, negatives below, and the worst count most.

    .. math:: \ell_i = \frac{1}{\alpha} \log\Big( 1 + \sum_{p: y_p = y_i} e^{-\alpha (s_{ip} - \lambda)} \Big)
              + \frac{1}{\beta} \log\Big( 1 + \sum_{n: y_n \ne y_i} e^{\beta (s_{in} - \lambda)} \Big)

    with :math:`s_{ij}` the cosine of examples i and j. No pair is dropped: the paper's mining is not part of it.

    Args:
        embeddings: Shape ``[..., N, D]``, floating; need not be normalised, a zero vector is at right angles to all.
            The examples of the last batch axis meet.
        labels: Which examples belong together, shape ``[..., N]``, any integers.
        alpha: Sharpness :math:`\alpha` > 0 of the positive side.
        beta: Sharpness :math:`\beta` > 0 of the negative side.
        base: Threshold :math:`\lambda`, a cosine.
        where: Shape ``[..., N]``; a masked example is absent as an anchor, a positive and a negative.
        weights: Shape ``[..., N]``, of the anchors.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. One without a positive still has negatives.

    Returns:
        A scalar >= 0, in units of a cosine.

    Raises:
        TypeError: If ``embeddings`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not fit, or ``alpha`` or ``beta`` is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.multi_similarity_loss(embeddings, labels)
        Array(0.10442055, dtype=float32)

    Reference:
        Wang et al. (2019), Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning.
        https://arxiv.org/abs/1904.06627
    """
    x, positives, negatives = grouped(where, embeddings, labels)
    alpha = checks.scalar("alpha", alpha, x.dtype, above=0)
    beta = checks.scalar("beta", beta, x.dtype, above=0)
    base = checks.scalar("base", base, x.dtype)
    x = unit(x)
    excess = similarities(x, x) - base
    attracted = numerics.softplus(gathered(-alpha * excess, positives)) / alpha
    repelled = numerics.softplus(gathered(beta * excess, negatives)) / beta
    return reduce(attracted + repelled, where=where, weights=weights, reduction=reduction)


def circle_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 0.4,
    scale: Scalar = 80.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softplus of the best negative against the worst positive, each weighed by its distance from its optimum.

    .. math:: \ell_i = \log\Big( 1 + \sum_{n: y_n \ne y_i} e^{\gamma \alpha_n (s_{in} - m)}
              \sum_{p: y_p = y_i} e^{-\gamma \alpha_p (s_{ip} - 1 + m)} \Big), \qquad
              \alpha_n = \max(0, s_{in} + m), \quad \alpha_p = \max(0, 1 + m - s_{ip})

    with :math:`s_{ij}` the cosine of examples i and j. As in the paper the weights :math:`\alpha` are constants of
    differentiation, so the gradient is not that of the value (Keras differentiates them).

    Args:
        embeddings: Shape ``[..., N, D]``, floating; need not be normalised, a zero vector is at right angles to all.
            The examples of the last batch axis meet.
        labels: Which examples belong together, shape ``[..., N]``, any integers.
        margin: Relaxation :math:`m`, a cosine, in [0, 1]; the paper uses 0.4 for retrieval and 0.25 for faces.
        scale: :math:`\gamma` > 0; the paper uses 80 and 256.
        where: Shape ``[..., N]``; a masked example is absent as an anchor, a positive and a negative.
        weights: Shape ``[..., N]``, of the anchors.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. One without a positive or without a negative
            is absent.

    Returns:
        A scalar >= 0, accurate relative to its size however small.

    Raises:
        TypeError: If ``embeddings`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not fit, ``margin`` is out of range or ``scale`` not positive.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> print(f"{jaxloss.circle_loss(embeddings, labels, scale=4.0):.4f}")
        0.8452

    Reference:
        Sun et al. (2020), Circle Loss: A Unified Perspective of Pair Similarity Optimization.
        https://arxiv.org/abs/2002.10857
    """
    x, positives, negatives = grouped(where, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, at_least=0, at_most=1)
    scale = checks.scalar("scale", scale, x.dtype, above=0)
    x = unit(x)
    cosines = similarities(x, x)
    fixed = jax.lax.stop_gradient(cosines)
    low = -scale * numerics.positive_part(1 + margin - fixed) * (cosines - (1 - margin))
    high = scale * numerics.positive_part(fixed + margin) * (cosines - margin)
    values = numerics.softplus(gathered(low, positives) + gathered(high, negatives))
    complete = jnp.any(positives, axis=-1) & jnp.any(negatives, axis=-1)
    return reduce(values, where=some(where, complete), weights=weights, reduction=reduction)
