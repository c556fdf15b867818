"""Pairwise ranking losses: the more relevant of two items of a list should have the larger score."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import divide_sums
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.ranking._lists import Lists, lists, margins_of, over_lists

__all__ = ["pairwise_hinge_loss", "pairwise_logistic_loss", "pairwise_soft_zero_one_loss"]


def _mean_over_pairs(
    loss: Callable[[Array], Array], chunk_size: int | None, items: Lists, reduction: Reduction
) -> Array:
    """The mean over ordered pairs, weighted by the product of the weights of the two, then over lists."""
    scaled = items.mass / numerics.scale_of(items.mass)

    def of_rows(scores: Array, relevance: Array, keep: Array, mass: Array) -> tuple[Array, Array]:
        margins, pairs = margins_of(items, scores, relevance, keep)
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


def pairwise_soft_zero_one_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft share of the pairs of a list that are in the wrong order: a sigmoid in the place of the step.

    .. math:: \ell = \frac{\sum_{i, j : y_i > y_j} w_i w_j \, \sigma\left(s_j - s_i\right)}
              {\sum_{i, j : y_i > y_j} w_i w_j}

    With relevance 0 and 1 it is one minus a smooth area under the ROC curve. It is bounded, so that a few hopeless
    pairs do not dominate; scores in other units are divided by a temperature at the call. The mean is over the pairs of
    a list, then over lists; a list without such a pair is absent. (rax takes the mean over all pairs of all lists.)
    Time grows with the square of N, memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer. Only its order counts; ties do not form pairs.
        chunk_size, axis_name: See `jaxloss.pairwise_logistic_loss`.
        where, weights: Shape ``[..., N]``. A masked item is in no pair. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 1/2 where all scores are equal, and 0 exactly only where all pairs are far apart.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.pairwise_soft_zero_one_loss(jnp.array([[1.0, 0.0, 5.0]]), jnp.array([[1, 0, 1]]))
        Array(0.13781714, dtype=float32)

    Reference:
        Yan, Dodier, Mozer and Wolniewicz (2003), Optimizing Classifier Performance via an Approximation to the
        Wilcoxon-Mann-Whitney Statistic. https://cdn.aaai.org/ICML/2003/ICML03-110.pdf
    """
    items = lists(axis_name, where, weights, scores, relevance)
    return _mean_over_pairs(lambda margins: jax.nn.sigmoid(-margins), chunk_size, items, reduction)
