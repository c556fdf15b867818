"""Smooth measures of lists in which an item is relevant or not: average precision and reciprocal rank."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import divide_sums
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.ranking._lists import Lists, ensure_relevance, lists, over_lists

__all__ = ["approx_mrr_loss", "smooth_ap_loss"]


def smooth_ap_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    temperature: Scalar = 0.01,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Smooth-AP: one minus the average precision (AP), with smooth ranks.

    .. math:: \ell = 1 - \frac{1}{\sum_{i \in P} w_i} \sum_{i \in P} w_i \,
              \frac{1 + \sum_{j \in P, j \ne i} \sigma_{ij}}{1 + \sum_{j \ne i} \sigma_{ij}}, \qquad
              \sigma_{ij} = \sigma\left( \frac{s_j - s_i}{\tau} \right)

    with :math:`P` the relevant items. As the temperature goes to 0 it becomes one minus the average precision, so it
    also serves binary classification with few positives: one list with all scores of a batch. A list in which nothing
    is relevant is absent from the mean. Time grows with the square of N, memory with the size of a chunk.

    For retrieval within a batch of unit embeddings ``x`` with ``labels``, every example is a query and all others are
    its list: ``smooth_ap_loss(x @ x.T, labels[:, None] == labels, where=~jnp.eye(len(x), dtype=bool))``. The authors'
    code and pytorch-metric-learning leave the mask out, so that a query also retrieves itself.

    Args:
        scores: Shape ``[..., N]``, floating; cosines for the default temperature.
        relevance: Shape ``[..., N]``, the same; floating, integer or boolean. Items above 0 are relevant; a negative
            number gives NaN.
        temperature: Difference :math:`\tau` in score that counts as clear, > 0.
        chunk_size: Number of items per chunk, >= 1, static: so many are compared with all items at a time, and a chunk
            is computed again for the gradient. None takes all items if all lists together have at most 16 million
            pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent, also from the ranks; a weight scales the precision
            at a relevant item. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1); 0 exactly where the relevant items lie many temperatures above all others.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ, ``scores`` has no axis, or ``temperature`` is not positive.

    Example:
        >>> jaxloss.smooth_ap_loss(jnp.array([[0.9, 0.5, 0.1]]), jnp.array([[0, 1, 0]]))
        Array(0.5, dtype=float32)

    Reference:
        Brown, Xie, Kalogeiton and Zisserman (2020), Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval.
        https://arxiv.org/abs/2007.12163
    """
    items, relevant, temperature = _binary(axis_name, where, weights, scores, relevance, temperature)

    def of_rows(scores: Array, place: Array) -> tuple[Array, Array]:
        above = _above(items, scores, place, temperature)
        other = jnp.where(relevant[..., None, :], jnp.zeros((), above.dtype), above)
        return jnp.sum(above, axis=-1), jnp.sum(other, axis=-1)

    above, wrong = items.pairs(chunk_size, of_rows, items.scores, _places(items))
    # The precision that is lost, by what stands above and is not relevant: without the cancellation of one minus it.
    mass = jnp.where(relevant, items.mass, jnp.zeros((), items.mass.dtype))
    mass = mass / numerics.scale_of(mass)
    rows = items.rows(mass)
    values = divide_sums(items.total(rows * (wrong / (1 + above))), items.total(rows))
    return over_lists(values, jnp.any(mass != 0, axis=-1), items, reduction)


def approx_mrr_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""ApproxMRR: one minus the reciprocal rank of the first relevant item, with smooth ranks.

    .. math:: \ell = 1 - \max_{i \in P} \frac{1}{\rho_i}, \qquad
              \rho_i = 1 + \sum_{j \ne i} \sigma\left( \frac{s_j - s_i}{\tau} \right)

    with :math:`P` the relevant items, of which only the first one learns. The mean over lists is one minus the mean
    reciprocal rank (MRR) as the temperature goes to 0. TensorFlow Ranking takes the mean over :math:`P` in the place of
    the maximum, and the loss is minus the measure there and in rax. A list in which nothing is relevant is absent from
    the mean. Time grows with the square of N, memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating, integer or boolean. Items above 0 are relevant; a negative
            number gives NaN.
        temperature: Difference :math:`\tau` in score that counts as clear, > 0.
        chunk_size, axis_name: See `jaxloss.smooth_ap_loss`.
        where, weights: Shape ``[..., N]``. A masked item is absent, also from the ranks; an item of weight 0 is not
            relevant, and other weights do not matter. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1); 0 exactly where a relevant item lies many temperatures above all others.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ, ``scores`` has no axis, or ``temperature`` is not positive.

    Example:
        >>> jaxloss.approx_mrr_loss(jnp.array([[9.0, 5.0, 1.0]]), jnp.array([[0, 1, 1]]))
        Array(0.5, dtype=float32)

    Reference:
        Qin, Liu and Li (2010), A General Approximation Framework for Direct Optimization of Information Retrieval
        Measures. https://doi.org/10.1007/s10791-009-9124-x
    """
    items, relevant, temperature = _binary(axis_name, where, weights, scores, relevance, temperature)

    def of_rows(scores: Array, place: Array) -> Array:
        return jnp.sum(_above(items, scores, place, temperature), axis=-1)

    above = items.everywhere(items.pairs(chunk_size, of_rows, items.scores, _places(items)))
    relevant = relevant & (items.mass != 0)
    present = jnp.any(relevant, axis=-1)
    counted = relevant | jnp.logical_not(present)[..., None]
    fewest = numerics.smallest(jnp.where(counted, above, jnp.inf))
    return over_lists(fewest / (1 + fewest), present, items, reduction)


def _binary(
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    scores: ArrayLike,
    relevance: ArrayLike,
    temperature: Scalar,
) -> tuple[Lists, Array, Scalar]:
    """The lists, which of their items are relevant, and the temperature, checked."""
    items = lists(axis_name, where, weights, scores, checks.marks(relevance))
    ensure_relevance(items)
    legal = jnp.all(items.relevance >= 0, axis=-1, keepdims=True)
    items = items._replace(scores=numerics.poison(items.scores, jnp.broadcast_to(legal, items.scores.shape)))
    temperature = checks.scalar("temperature", temperature, items.scores.dtype, above=0)
    return items, (items.relevance > 0) & items.keep, temperature


def _places(items: Lists) -> Array:
    return jax.lax.broadcasted_iota(jnp.int32, items.scores.shape, items.scores.ndim - 1)


def _above(items: Lists, scores: Array, place: Array, temperature: Scalar) -> Array:
    """By how much every kept item stands above those of some rows, ``[..., rows, N]``: 0 for an item and itself."""
    margins = (items.scores[..., None, :] - scores[..., :, None]) / temperature
    others = (_places(items)[..., None, :] != place[..., :, None]) & items.keep[..., None, :]
    return jnp.where(others, jax.nn.sigmoid(margins), jnp.zeros((), margins.dtype))
