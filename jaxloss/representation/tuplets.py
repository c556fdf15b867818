"""A positive pair against all negatives of its anchor, by angles (angular loss, tuplet margin)."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import pool_mean, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import gathered, labelled, per_pair, similarities, some, unit

__all__ = ["angular_loss", "tuplet_margin_loss"]


def angular_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    angle: Scalar = math.radians(40),
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Angular loss: bounds the angle at a negative in the triangle that it forms with a positive pair.

    .. math:: \ell_i = \frac{1}{P_i} \sum_{p: y_p = y_i} \log\Big( 1 + \sum_{n: y_n \ne y_i}
              e^{4 \tan^2 \alpha \, (u_i + u_p)^\top u_n - 2 (1 + \tan^2 \alpha) \, u_i^\top u_p} \Big), \qquad
              u = \frac{x}{\|x\|}

    Time grows with the cube of N, memory with the size of a chunk.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        angle: Bound :math:`\alpha` in radians, not degrees as in pytorch-metric-learning; in (0, pi/3], since the angle
            opposite the shortest side of a triangle is not larger. The paper uses 36 to 55 degrees.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor counts once for each of its
            :math:`P_i` positives, and is absent without positives or without negatives.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``angle`` is out of range.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> print(f"{jaxloss.angular_loss(embeddings, labels):.4f}")
        0.5056

    Reference:
        Wang et al. (2017), Deep Metric Learning with Angular Loss. https://arxiv.org/abs/1708.01682
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    angle = checks.scalar("angle", angle, x.dtype, above=0, at_most=math.pi / 3)
    pull = jnp.square(jnp.tan(jnp.asarray(angle, x.dtype)))
    x = unit(x)
    everybody = group.crowd.everybody(x)
    # Exponents of at least -8 tan(60 degrees)**2 = -24: no product of two shares vanishes.
    share = lambda cosines: jnp.exp(4 * pull * (cosines - 1))

    def of_rows(cosines: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        own = jnp.where(negatives, share(cosines), jnp.zeros((), x.dtype))

        def of_partners(partners: Array, _: Array) -> Array:
            return similarities(share(similarities(partners, everybody)), own)

        chunk = group.crowd.chunk(everybody, everybody)
        both = jnp.swapaxes(by_rows(of_partners, chunk, everybody, x.ndim - 2), -1, -2)
        pairs = positives & jnp.any(negatives, axis=-1, keepdims=True)
        total = jnp.log(jnp.where(pairs, both, jnp.ones((), x.dtype)))
        losses = numerics.softplus(total + 8 * pull - 2 * (1 + pull) * cosines)
        return pool_mean(jnp.where(pairs, losses, jnp.zeros((), x.dtype)), pairs), jnp.sum(pairs, -1, dtype=jnp.int32)

    values, pairs = group.anchors(of_rows, x, x)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))


def tuplet_margin_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 0.1,
    scale: Scalar = 64.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tuplet margin loss: softmax of a positive pair against all negatives, with slack in the angle of the pair.

    .. math:: \ell_i = \frac{1}{P_i} \sum_{p: y_p = y_i} \log\Big( 1 + \sum_{n: y_n \ne y_i}
              e^{s \left( \cos \theta_{in} - \cos(\theta_{ip} - \beta) \right)} \Big)

    with :math:`\theta_{ij}` the angle between examples i and j. A pair is best at the angle :math:`\beta`; nearer than
    that it repels, so that a class does not collapse to a point. Two equal directions have no direction to part in.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        margin: Slack :math:`\beta` in radians, not degrees as in pytorch-metric-learning; in [0, pi/2].
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor counts once for each of its
            :math:`P_i` positives, and is absent without positives or without negatives.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> embeddings, labels = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> print(f"{jaxloss.tuplet_margin_loss(embeddings, labels, scale=4.0):.4f}")
        0.3061

    Reference:
        Yu and Tao (2019), Deep Metric Learning with Tuplet Margin Loss.
        https://openaccess.thecvf.com/content_ICCV_2019/papers/Yu_Deep_Metric_Learning_With_Tuplet_Margin_Loss_ICCV_2019_paper.pdf
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    margin = checks.scalar("margin", margin, x.dtype, at_least=0, at_most=math.pi / 2)
    scale = checks.scalar("scale", scale, x.dtype, above=0)
    x = unit(x)

    def of_rows(cosines: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        pairs = positives & jnp.any(negatives, axis=-1, keepdims=True)
        along = jnp.where(pairs, cosines, jnp.zeros((), x.dtype))
        sines = numerics.sqrt(numerics.positive_part((1 - along) * (1 + along)))
        eased = along * jnp.cos(margin) + sines * jnp.sin(margin)
        losses = numerics.softplus(gathered(scale * cosines, negatives)[..., None] - scale * eased)
        return pool_mean(jnp.where(pairs, losses, jnp.zeros((), x.dtype)), pairs), jnp.sum(pairs, -1, dtype=jnp.int32)

    values, pairs = group.anchors(of_rows, x, x)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))
