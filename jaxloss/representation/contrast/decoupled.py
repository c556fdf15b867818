"""Decoupled contrast (DCL, DCLW, InfoLOOB): the positive pair is not in the denominator of the softmax."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import divide_sums, pool_mean, reduce
from jaxloss._floor.spread import over, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import Group, gathered, labelled, matched, per_pair, some, unit, working_dtype
from jaxloss.representation.contrast._off_diagonal import log_sum_over_strangers

__all__ = ["decoupled_contrastive_loss", "infoloob_loss"]


def decoupled_contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    hard_positive_temperature: Scalar | None = None,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Decoupled contrastive loss (DCL): NT-Xent without the positive in the denominator, for small batches.

    .. math:: \ell_i = -\frac{1}{P_i} \sum_{p: y_p = y_i} \frac{\omega_{ip} s_{ip}}{\tau}
              + \log \sum_{n: y_n \ne y_i} e^{s_{in} / \tau}, \qquad
              s_{ij} = \frac{\langle x_i, x_j \rangle}{\|x_i\| \, \|x_j\|}

    with :math:`\omega = 1`; or, in the weighted form (DCLW) with a hard-positive temperature :math:`\sigma`,
    :math:`\omega_{ip} = 2 - e^{s_{ip} / \sigma} / \overline{e^{s / \sigma}}`, where the mean is over all positive pairs
    of the batch, so that positives that are far apart count more. These weights are constants of differentiation. The
    negatives of both views are in one sum, as in the paper (lightly adds the logarithms of two sums).

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`. For two views of an
            image, the two rows have its label.
        temperature: :math:`\tau` > 0.
        hard_positive_temperature: :math:`\sigma` > 0, 0.5 in the paper; None weights all positive pairs equally.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor counts once for each of its
            :math:`P_i` positives, and is absent without positives or without negatives.

    Returns:
        A scalar, in nats. It can be negative: the share of the positive is not bounded by 1.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or a temperature is not positive.

    Example:
        >>> views = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> jaxloss.decoupled_contrastive_loss(views, jnp.array([0, 0, 1, 1]), temperature=0.5)
        Array(-1.3068528, dtype=float32)

    Reference:
        Yeh et al. (2022), Decoupled Contrastive Learning. https://arxiv.org/abs/2110.06848
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    x = unit(x)
    if hard_positive_temperature is None:
        emphasis = jnp.ones_like
    else:
        sigma = checks.scalar("hard_positive_temperature", hard_positive_temperature, x.dtype, above=0)
        mean = _mean_over_positives(jax.lax.stop_gradient(x), sigma, group)[..., None, None]
        emphasis = lambda cosines: 2 - divide_sums(_size(cosines, sigma), jnp.broadcast_to(mean, cosines.shape))

    def of_rows(cosines: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        repelled = jnp.any(negatives, axis=-1)
        rest = jnp.where(repelled, gathered(cosines / tau, negatives), jnp.zeros((), x.dtype))
        pulled = pool_mean(jax.lax.stop_gradient(emphasis(cosines)) * cosines / tau, positives)
        pairs = jnp.where(repelled, jnp.sum(positives, axis=-1, dtype=jnp.int32), 0)
        return rest - pulled, pairs

    values, pairs = group.anchors(of_rows, x, x)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))


def infoloob_loss(
    queries: ArrayLike,
    keys: ArrayLike,
    *,
    temperature: Scalar = 1 / 30,
    ring: bool = False,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""InfoLOOB: InfoNCE without the key of the query in the denominator (leave one out), the loss of CLOOB.

    .. math:: \ell_i = -\log \frac{e^{s_{ii} / \tau}}{\sum_{j \ne i} e^{s_{ij} / \tau}}, \qquad
              s_{ij} = \frac{\langle q_i, k_j \rangle}{\|q_i\| \, \|k_j\|}

    A pair that is found already keeps its gradient, where that of `jaxloss.infonce_loss` goes to 0. CLOOB adds the loss
    of both directions, of embeddings that a Hopfield network has retrieved; its code multiplies by :math:`\tau`. With
    the logarithm of N - 1 it becomes the leave-one-out bound on the mutual information.

    Args:
        queries: Shape ``[..., N, D]``, floating; need not be normalised.
        keys: Shape ``[..., N, D]``, the same; the key of query i is in row i.
        temperature: :math:`\tau` > 0.
        ring, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        reduction: Over the queries ``[..., N]``; see `jaxloss.reduce`. A query without other keys is absent.

    Returns:
        A scalar, in nats. It can be negative: the share of the key is not bounded by 1.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``temperature`` is not positive.

    Example:
        >>> jaxloss.infoloob_loss(jnp.eye(3), jnp.eye(3), temperature=0.5)
        Array(-1.3068528, dtype=float32)

    Reference:
        Fürst et al. (2022), CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP.
        https://arxiv.org/abs/2110.11316
        Poole et al. (2019), On Variational Bounds of Mutual Information. https://arxiv.org/abs/1905.06922
    """
    queries, keys, crowd = matched(where, axis_name, ring, chunk_size, queries=queries, keys=keys)
    tau = checks.scalar("temperature", temperature, working_dtype(queries, keys), above=0)
    queries, keys = unit(queries) / tau, unit(keys)
    strangers = log_sum_over_strangers(queries, keys, crowd)
    repelled = ~jnp.isneginf(strangers)
    values = jnp.where(repelled, strangers, jnp.zeros((), strangers.dtype)) - jnp.sum(queries * keys, axis=-1)
    return reduce(values, where=some(where, repelled), weights=weights, reduction=over(axis_name, reduction))


def _size(cosines: Array, sigma: Scalar) -> Array:
    """``exp(cosines / sigma)`` in units of that of equal vectors: at most 1, up to rounding."""
    return jnp.exp((cosines - 1) / sigma)


def _mean_over_positives(x: Array, sigma: Scalar, group: Group) -> Array:
    """The mean of `_size` over the positive pairs of each set, on all devices."""

    def of_rows(cosines: Array, positives: Array, _: Array) -> tuple[Array, Array]:
        sizes = jnp.where(positives, _size(cosines, sigma), jnp.zeros((), x.dtype))
        return jnp.sum(sizes, axis=-1), jnp.sum(positives, axis=-1, dtype=x.dtype)

    sums = jax.tree.map(lambda each: jnp.sum(each, axis=-1), group.anchors(of_rows, x, x))
    return divide_sums(*summed(group.crowd.axis_name, sums))
