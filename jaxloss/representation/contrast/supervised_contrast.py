"""Softmax contrast in a labelled set (NT-Xent, SupCon): equal labels attract, all others are in the denominator."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import pool_mean, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import gathered, labelled, per_pair, some, unit

__all__ = ["ntxent", "supcon_loss"]


def ntxent(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 0.07,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""NT-Xent (SimCLR): normalised temperature-scaled cross-entropy of positive pairs against the negatives.

    .. math:: \ell_i = -\frac{1}{P_i} \sum_{p: y_p = y_i} \log
              \frac{e^{s_{ip} / \tau}}{e^{s_{ip} / \tau} + \sum_{n: y_n \ne y_i} e^{s_{in} / \tau}}, \qquad
              s_{ij} = \frac{\langle x_i, x_j \rangle}{\|x_i\| \, \|x_j\|}

    For SimCLR the two views of image k are two rows with label k. With three or more examples of a label the other
    positives are not in the denominator, which is where `jaxloss.supcon_loss` differs. An anchor counts once for
    each of its :math:`P_i` positives: the mean is over all positive pairs, as in optax.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        temperature: :math:`\tau` > 0; the paper uses 0.5 and 0.1.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives is absent.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives or no
        positives.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``temperature`` is not positive.

    Example:
        >>> views = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> jaxloss.ntxent(views, jnp.array([0, 0, 1, 1]), temperature=0.5)
        Array(0.23954476, dtype=float32)

    Reference:
        Chen et al. (2020), A Simple Framework for Contrastive Learning of Visual Representations.
        https://arxiv.org/abs/2002.05709
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    x = unit(x)

    def of_rows(logits: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        rest = gathered(logits, negatives)
        values = pool_mean(numerics.softplus(rest[..., None] - logits), positives)
        return values, jnp.sum(positives, axis=-1, dtype=jnp.int32)

    values, pairs = group.anchors(of_rows, x / tau, x)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))


def supcon_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Supervised contrastive loss (SupCon): mean log-share of the positives of an anchor among all other examples.

    .. math:: \ell_i = -\frac{1}{P_i} \sum_{p: y_p = y_i} \log
              \frac{e^{s_{ip} / \tau}}{\sum_{a \ne i} e^{s_{ia} / \tau}}, \qquad
              s_{ij} = \frac{\langle x_i, x_j \rangle}{\|x_i\| \, \|x_j\|}

    This is the paper's :math:`L_{out}`, without its factor :math:`\tau / \tau_{base}`. With two views per label it
    is `jaxloss.ntxent`.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        temperature: :math:`\tau` > 0.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives is absent.

    Returns:
        A scalar >= 0 in nats: at least the mean of :math:`\log P_i`, and keeps full relative accuracy near it.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``temperature`` is not positive.

    Example:
        >>> views = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> jaxloss.supcon_loss(views, jnp.array([0, 0, 1, 1]), temperature=0.5)
        Array(0.23954476, dtype=float32)

    Reference:
        Khosla et al. (2020), Supervised Contrastive Learning. https://arxiv.org/abs/2004.11362
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    x = unit(x)

    def of_rows(logits: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        attracted = jnp.any(positives, axis=-1)
        joined = gathered(logits, positives)
        joined = jnp.where(attracted, joined, jnp.zeros((), x.dtype))
        rest = gathered(logits, negatives)
        # The first term is the share of all positives together, the second, >= 0, how unequal they are.
        return numerics.softplus(rest - joined) + (joined - pool_mean(logits, positives)), attracted

    values, attracted = group.anchors(of_rows, x / tau, x)
    return reduce(values, where=some(where, attracted), weights=weights, reduction=over(axis_name, reduction))
