"""Losses of a labelled set that weight every pair by its distance from its optimum (multi-similarity, circle)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import gathered, labelled, some, unit

__all__ = ["circle_loss", "multi_similarity_loss"]


def multi_similarity_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    positive_temperature: Scalar = 0.5,
    negative_temperature: Scalar = 0.02,
    base: Scalar = 0.5,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Multi-similarity loss: soft hinges that move cosines of positives above a threshold and of negatives below it.

    .. math:: \ell_i = \tau_p \log\Big( 1 + \sum_{p: y_p = y_i} e^{-(s_{ip} - \lambda) / \tau_p} \Big)
              + \tau_n \log\Big( 1 + \sum_{n: y_n \ne y_i} e^{(s_{in} - \lambda) / \tau_n} \Big)

    with :math:`s_{ij}` the cosine of examples i and j. The paper has the inverse temperatures
    :math:`\alpha = 1 / \tau_p = 2` and :math:`\beta = 1 / \tau_n = 50`. Its mining, which drops easy pairs, is not part
    of the loss.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        positive_temperature: :math:`\tau_p` > 0. The smaller, the more the least similar positive counts.
        negative_temperature: :math:`\tau_n` > 0. The smaller, the more the most similar negative counts.
        base: Threshold :math:`\lambda`, a cosine.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives still has
            negatives.

    Returns:
        A scalar >= 0, in units of a cosine.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or a temperature is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.multi_similarity_loss(embeddings, labels)
        Array(0.10442055, dtype=float32)

    Reference:
        Wang et al. (2019), Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning.
        https://arxiv.org/abs/1904.06627
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    near = checks.scalar("positive_temperature", positive_temperature, x.dtype, above=0)
    far = checks.scalar("negative_temperature", negative_temperature, x.dtype, above=0)
    base = checks.scalar("base", base, x.dtype)
    x = unit(x)

    def of_rows(cosines: Array, positives: Array, negatives: Array) -> Array:
        excess = cosines - base
        attracted = near * numerics.softplus(gathered(-excess / near, positives))
        repelled = far * numerics.softplus(gathered(excess / far, negatives))
        return attracted + repelled

    values = group.anchors(of_rows, x, x)
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))


def circle_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 0.4,
    scale: Scalar = 80.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Circle loss: softplus of negative against positive cosines, each weighted by its distance from its optimum.

    .. math:: \ell_i = \log\Big( 1 + \sum_{n: y_n \ne y_i} e^{\gamma \alpha_n (s_{in} - m)}
              \sum_{p: y_p = y_i} e^{-\gamma \alpha_p (s_{ip} - 1 + m)} \Big), \qquad
              \alpha_n = \max(0, s_{in} + m), \quad \alpha_p = \max(0, 1 + m - s_{ip})

    with :math:`s_{ij}` the cosine of examples i and j. As in the paper the weights :math:`\alpha` are constants of
    differentiation, so the gradient is not that of the value (Keras differentiates them).

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        margin: Relaxation :math:`m`, a cosine, in [0, 1]; the paper uses 0.4 for retrieval and 0.25 for faces.
        scale: :math:`\gamma` > 0; the paper uses 80 and 256.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives or without
            negatives is absent.

    Returns:
        A scalar >= 0, with full relative accuracy for small values.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, ``margin`` is out of range or ``scale`` not positive.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> print(f"{jaxloss.circle_loss(embeddings, labels, scale=4.0):.4f}")
        0.8452

    Reference:
        Sun et al. (2020), Circle Loss: A Unified Perspective of Pair Similarity Optimization.
        https://arxiv.org/abs/2002.10857
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, at_least=0, at_most=1)
    scale = checks.scalar("scale", scale, x.dtype, above=0)
    x = unit(x)

    def of_rows(cosines: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        fixed = jax.lax.stop_gradient(cosines)
        low = -scale * numerics.positive_part(1 + margin - fixed) * (cosines - (1 - margin))
        high = scale * numerics.positive_part(fixed + margin) * (cosines - margin)
        values = numerics.softplus(gathered(low, positives) + gathered(high, negatives))
        return values, jnp.any(positives, axis=-1) & jnp.any(negatives, axis=-1)

    values, complete = group.anchors(of_rows, x, x)
    return reduce(values, where=some(where, complete), weights=weights, reduction=over(axis_name, reduction))
