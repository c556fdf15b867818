"""Pairwise ranking losses: the more relevant of two items of a list should have the larger score."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import divide_sums
from jaxloss._floor.spread import anywhere
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.ranking._lists import Lists, gains, lists, over_lists, ranks

__all__ = ["lambdarank_loss", "pairwise_hinge_loss", "pairwise_logistic_loss"]


def _margins(items: Lists, scores: Array, relevance: Array, keep: Array) -> tuple[Array, Array]:
    """``[..., i, j]``: the score of row i over that of item j, and whether i is the more relevant of the two."""
    pairs = keep[..., :, None] & items.keep[..., None, :]
    pairs &= relevance[..., :, None] > items.relevance[..., None, :]
    margins = scores[..., :, None] - items.scores[..., None, :]
    return jnp.where(pairs, margins, jnp.zeros((), margins.dtype)), pairs


def _mean_over_pairs(
    loss: Callable[[Array], Array], chunk_size: int | None, items: Lists, reduction: Reduction
) -> Array:
    """The mean over ordered pairs, weighted by the product of the weights of the two, then over lists."""
    scaled = items.mass / numerics.scale_of(items.mass)

    def of_rows(scores: Array, relevance: Array, keep: Array, mass: Array) -> tuple[Array, Array]:
        margins, pairs = _margins(items, scores, relevance, keep)
        each = jnp.where(pairs, mass[..., :, None] * scaled[..., None, :], jnp.zeros((), mass.dtype))
        return jnp.sum(each * loss(margins), axis=-1), jnp.sum(each, axis=-1)

    sums = items.pairs(chunk_size, of_rows, items.scores, items.relevance, items.keep, scaled)
    total, mass = map(items.total, sums)
    return over_lists(divide_sums(total, mass), mass != 0, items, reduction)


def pairwise_logistic_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""RankNet: logistic loss of the score differences of all pairs of a list that differ in relevance.

    .. math:: \ell = \frac{\sum_{i, j : y_i > y_j} w_i w_j \log\left(1 + e^{-(s_i - s_j)}\right)}
              {\sum_{i, j : y_i > y_j} w_i w_j}

    The mean is over the pairs of a list, then over lists; a list without such a pair is absent. (rax takes the mean
    over all pairs of all lists: for one list, or lists with as many pairs each, it is the same.) Time grows with
    the square of N, memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer. Only its order counts; ties do not form pairs.
        chunk_size: Number of items per chunk, >= 1, static: so many are compared with all items at a time, and a chunk
            is computed again for the gradient. None takes all items if all lists together have at most 16 million
            pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is in no pair. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 where all scores are equal.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.pairwise_logistic_loss(jnp.array([[1.0, 0.0, 5.0]]), jnp.array([[1, 0, 1]]))
        Array(0.15998852, dtype=float32)

    Reference:
        Burges et al. (2005), Learning to Rank using Gradient Descent. https://doi.org/10.1145/1102351.1102363
    """
    items = lists(axis_name, where, weights, scores, relevance)
    return _mean_over_pairs(lambda margins: numerics.softplus(-margins), chunk_size, items, reduction)


def pairwise_hinge_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Ranking SVM: hinge loss of the score differences of all pairs of a list that differ in relevance.

    .. math:: \ell = \frac{\sum_{i, j : y_i > y_j} w_i w_j \max\left(0, 1 - (s_i - s_j)\right)}
              {\sum_{i, j : y_i > y_j} w_i w_j}

    The mean is over the pairs of a list, then over lists; a list without such a pair is absent. (rax takes the mean
    over all pairs of all lists.) The slope at a difference of exactly 1 is 0. Time grows with the square of N,
    memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer. Only its order counts; ties do not form pairs.
        chunk_size: Number of items per chunk, >= 1, static: so many are compared with all items at a time, and a chunk
            is computed again for the gradient. None takes all items if all lists together have at most 16 million
            pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is in no pair. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``scores``; 0 exactly where all pairs are in order and at least 1 apart.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.pairwise_hinge_loss(jnp.array([[0.5, 0.0, 5.0]]), jnp.array([[1, 0, 1]]))
        Array(0.25, dtype=float32)

    Reference:
        Joachims (2002), Optimizing Search Engines using Clickthrough Data. https://doi.org/10.1145/775047.775067
    """
    items = lists(axis_name, where, weights, scores, relevance)
    return _mean_over_pairs(lambda margins: numerics.positive_part(1 - margins), chunk_size, items, reduction)


def lambdarank_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""LambdaRank: logistic loss of pairs, each weighted by the change of NDCG if the two were swapped.

    .. math:: \ell = \sum_{i, j : y_i > y_j} \mathrm{sg}\left( |\Delta_{ij}| \right)
              \log\left(1 + e^{-(s_i - s_j)}\right), \qquad
              \Delta_{ij} = \frac{(g_i - g_j) (d_i - d_j)}{\mathrm{IDCG}}

    with gains :math:`g = w (2^y - 1)`, discounts :math:`d = 1 / \log_2(1 + \text{rank})` of the present ranks by score
    (equal scores by place), and IDCG the sum of gains times discounts in the best order. No gradient flows
    through the weights of pairs. A list in which no items differ in relevance is absent. Time grows with
    the square of N, memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer, >= 0; a negative one gives NaN.
        chunk_size: Number of items per chunk, >= 1, static: so many are compared with all items at a time, and a chunk
            is computed again for the gradient. None takes all items if all lists together have at most 16 million
            pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent, also from the ranks; a weight scales the gain of
            an item. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.lambdarank_loss(jnp.array([[1.0, 1.0]]), jnp.array([[0, 1]]))
        Array(0.25582, dtype=float32)

    Reference:
        Burges (2010), From RankNet to LambdaRank to LambdaMART: An Overview.
        https://www.microsoft.com/en-us/research/publication/from-ranknet-to-lambdarank-to-lambdamart-an-overview/
    """
    items = lists(axis_name, where, weights, scores, relevance)
    gain = gains(items)
    now, best = (1 / jnp.log2(1 + ranks(items, key)) for key in (items.scores, gain))
    ideal = jnp.sum(gain * best, axis=-1)[..., None, None]
    gap = lambda rows, all_items: jnp.abs(rows[..., :, None] - all_items[..., None, :])

    def of_rows(scores: Array, relevance: Array, keep: Array, own_gain: Array, own: Array) -> tuple[Array, Array]:
        margins, pairs = _margins(items, scores, relevance, keep)
        change = jnp.where(pairs, gap(own_gain, gain) * gap(own, now), jnp.zeros((), gain.dtype))
        change = jax.lax.stop_gradient(numerics.divide(change, jnp.broadcast_to(ideal, change.shape)))
        return jnp.sum(change * numerics.softplus(-margins), axis=-1), jnp.any(change != 0, axis=-1)

    values, some = items.pairs(chunk_size, of_rows, items.scores, items.relevance, items.keep, gain, now)
    present = anywhere(axis_name, jnp.any(some, axis=-1))
    return over_lists(items.total(values), present, items, reduction)
