"""Contrast of two matched sets (InfoNCE, CLIP, SigLIP, n-pairs): row i of one belongs to row i of the other."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import promote, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import Crowd, matched, present, similarities, unit, working_dtype
from jaxloss.representation.contrast._cosine_means import is_made_at_once, mean_of_cosines
from jaxloss.representation.contrast._cosines import of_cosines
from jaxloss.representation.contrast._off_diagonal import (
    log_sum_of_strangers,
    log_sum_over_strangers,
    sum_of_strangers,
)

__all__ = ["clip_loss", "infonce_loss", "n_pairs_loss", "siglip_loss"]


def _against(x: Array, y: Array, own: Array, crowd: Crowd) -> Array:
    """``-log(e^own / (e^own + sum of e^(x y) over all other rows of y))`` per row of x, to full relative accuracy."""
    return numerics.softplus(log_sum_over_strangers(x, y, crowd) - own)


def _both_ways(x: Array, y: Array, tau: Scalar, crowd: Crowd) -> Array:
    """The mean of what every row of ``x`` and every row of ``y`` has against the rows of the other set."""
    if (chunk := crowd.pieces(x, y)) is not None:
        there, own, back = of_cosines(log_sum_of_strangers, x, y, tau, crowd.keep, chunk, both_ways=True)
        return 0.5 * (numerics.softplus(there - own) + numerics.softplus(back - own))
    x, y = unit(x) / tau, unit(y)
    own = jnp.sum(x * y, axis=-1)
    if crowd.axis_name:
        return 0.5 * (_against(x, y, own, crowd) + _against(y, x, own, crowd))
    logits = present(similarities(x, y), crowd.keep, crowd.keep)  # here the way back has the same products
    there, back = (log_sum_of_strangers(logits, axis=axis) for axis in (-1, -2))
    return 0.5 * (numerics.softplus(there - own) + numerics.softplus(back - own))


def _repelled(logits: Array, first: Array | int, bias: Array) -> Array:
    return sum_of_strangers(numerics.softplus(logits + bias), first)


def _infonce_of_rows(logits: Array, own: Array, first: Array) -> Array:
    return numerics.softplus(log_sum_of_strangers(logits, first) - own)


def _siglip_of_rows(logits: Array, own: Array, first: Array, bias: Array) -> Array:
    return numerics.softplus(-(own + bias)) + _repelled(logits, first, bias)


def infonce_loss(
    queries: ArrayLike,
    keys: ArrayLike,
    *,
    temperature: Scalar = 0.07,
    ring: bool = False,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""InfoNCE: softmax cross-entropy of the key of every query against all keys of the batch, by cosine similarity.

    .. math:: \ell_i = -\log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ij} / \tau}}, \qquad
              s_{ij} = \frac{\langle q_i, k_j \rangle}{\|q_i\| \, \|k_j\|}

    The multiple negatives ranking loss of sentence-transformers is this loss with ``temperature=1 / 20``. For inner
    products that are not normalised, keys that are in a batch twice and mined negatives see
    `jaxloss.in_batch_softmax_loss`.

    Args:
        queries: Shape ``[..., N, D]``, floating; need not be normalised.
        keys: Shape ``[..., N, D]``, the same; the key of query i is in row i.
        temperature: :math:`\tau` > 0.
        ring, chunk_size, axis_name, where, weights, reduction: See `jaxloss.representation`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``temperature`` is not positive.

    Example:
        >>> queries, keys = jnp.eye(3), jnp.eye(3)
        >>> jaxloss.infonce_loss(queries, keys, temperature=0.5)
        Array(0.23954476, dtype=float32)

    Reference:
        van den Oord, Li and Vinyals (2018), Representation Learning with Contrastive Predictive Coding.
        https://arxiv.org/abs/1807.03748
    """
    queries, keys, crowd = matched(where, axis_name, ring, chunk_size, queries=queries, keys=keys)
    tau = checks.scalar("temperature", temperature, working_dtype(queries, keys), above=0)
    if (chunk := crowd.pieces(queries, keys)) is not None:
        if is_made_at_once(reduction):
            counted = crowd.keep, weights, reduction
            return mean_of_cosines(_infonce_of_rows, queries, keys, tau, *counted, chunk)
        strangers, own, _ = of_cosines(log_sum_of_strangers, queries, keys, tau, crowd.keep, chunk)
        values = numerics.softplus(strangers - own)
    else:
        queries, keys = unit(queries) / tau, unit(keys)
        values = _against(queries, keys, jnp.sum(queries * keys, axis=-1), crowd)
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))


def clip_loss(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    *,
    temperature: Scalar = 0.07,
    ring: bool = False,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""CLIP loss: InfoNCE in both directions, every image against all texts and every text against all images.

    .. math:: \ell_i = -\frac12 \log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ij} / \tau}}
              - \frac12 \log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ji} / \tau}}, \qquad
              s_{ij} = \frac{\langle x_i, y_j \rangle}{\|x_i\| \, \|y_j\|}

    A learned temperature is differentiated like any other number. CLIP learns :math:`\log(1 / \tau)` and keeps
    :math:`1 / \tau` at 100 or less: clip it before the call.

    Args:
        image_embeddings: Shape ``[..., N, D]``, floating; need not be normalised.
        text_embeddings: Shape ``[..., N, D]``, the same; the text of image i is in row i.
        temperature: :math:`\tau` > 0.
        ring, chunk_size, axis_name, where, weights, reduction: See `jaxloss.representation`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``temperature`` is not positive.

    Example:
        >>> images, texts = jnp.eye(3), jnp.eye(3)
        >>> jaxloss.clip_loss(images, texts, temperature=0.5)
        Array(0.23954476, dtype=float32)

    Reference:
        Radford et al. (2021), Learning Transferable Visual Models From Natural Language Supervision.
        https://arxiv.org/abs/2103.00020
    """
    images, texts, crowd = matched(
        where, axis_name, ring, chunk_size, image_embeddings=image_embeddings, text_embeddings=text_embeddings
    )
    tau = checks.scalar("temperature", temperature, working_dtype(images, texts), above=0)
    values = _both_ways(images, texts, tau, crowd)
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))


def siglip_loss(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    bias: Scalar = -10.0,
    ring: bool = False,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SigLIP loss: binary cross-entropy of every image-text pair of a batch, instead of a softmax over the batch.

    .. math:: \ell_i = \sum_j \log\left( 1 + e^{-z_{ij} (s_{ij} / \tau + b)} \right), \qquad
              z_{ij} = \begin{cases} 1 & i = j \\ -1 & i \ne j \end{cases}

    with :math:`s_{ij}` the cosine of image i and text j. The mean is over images, as in the paper: it is divided by
    N, not by the number of pairs. Temperature and bias are usually learned; the defaults are the initial values of the
    paper.

    Args:
        image_embeddings: Shape ``[..., N, D]``, floating; need not be normalised.
        text_embeddings: Shape ``[..., N, D]``, the same; the text of image i is in row i.
        temperature: :math:`\tau` > 0, the inverse of the paper's t.
        bias: Added to every logit.
        ring, chunk_size, axis_name, where, weights, reduction: See `jaxloss.representation`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``temperature`` is not positive.

    Example:
        >>> images, texts = jnp.eye(3), jnp.eye(3)
        >>> jaxloss.siglip_loss(images, texts, temperature=0.5, bias=-1.0)
        Array(0.93978506, dtype=float32)

    Reference:
        Zhai et al. (2023), Sigmoid Loss for Language Image Pre-Training. https://arxiv.org/abs/2303.15343
    """
    images, texts, crowd = matched(
        where, axis_name, ring, chunk_size, image_embeddings=image_embeddings, text_embeddings=text_embeddings
    )
    dtype = working_dtype(images, texts)
    tau = checks.scalar("temperature", temperature, dtype, above=0)
    bias = jnp.asarray(checks.scalar("bias", bias, dtype), dtype)
    if (chunk := crowd.pieces(images, texts)) is not None:
        if is_made_at_once(reduction):
            counted = crowd.keep, weights, reduction
            return mean_of_cosines(_siglip_of_rows, images, texts, tau, *counted, chunk, bias)
        repelled, own, _ = of_cosines(_repelled, images, texts, tau, crowd.keep, chunk, bias)
    else:
        images, texts = unit(images) / tau, unit(texts)
        repelled = jnp.sum(crowd.shares(_repelled, images, texts, bias), axis=-1)
        own = jnp.sum(images * texts, axis=-1)
    values = numerics.softplus(-(own + bias)) + repelled
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))


def n_pairs_loss(
    anchors: ArrayLike,
    positives: ArrayLike,
    *,
    ring: bool = False,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""N-pairs loss: softmax cross-entropy of inner products, every anchor against the positives of all other anchors.

    .. math:: \ell_i = \log\left( 1 + \sum_{j \ne i} e^{\langle a_i, p_j \rangle - \langle a_i, p_i \rangle} \right)

    Each pair comes from a class of its own. Lengths count, so the paper adds a penalty on them; here that is a
    term of its own, for example the mean of ``jnp.sum(x**2, -1)``. On unit vectors this is `jaxloss.infonce_loss` at
    temperature 1.

    Args:
        anchors: Shape ``[..., N, D]``, floating.
        positives: Shape ``[..., N, D]``, the same; the positive of anchor i is in row i.
        ring, chunk_size, axis_name, where, weights, reduction: See `jaxloss.representation`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> anchors, positives = jnp.array([[2.0, 0.0], [0.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> jaxloss.n_pairs_loss(anchors, positives, reduction="none")
        Array([0.126928 , 0.6931472], dtype=float32)

    Reference:
        Sohn (2016), Improved Deep Metric Learning with Multi-class N-pair Loss Objective.
        https://papers.nips.cc/paper/6200-improved-deep-metric-learning-with-multi-class-n-pair-loss-objective
    """
    anchors, positives, crowd = matched(where, axis_name, ring, chunk_size, anchors=anchors, positives=positives)
    anchors, positives = promote(anchors, positives)
    values = _against(anchors, positives, jnp.sum(anchors * positives, axis=-1), crowd)
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
