"""Pairs of a list, weighted by what their order is worth in NDCG (LambdaRank, LambdaLoss)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.spread import anywhere
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.ranking._lists import Lists, gains, lists, margins_of, over_lists, ranks

__all__ = ["lambda_loss", "lambdarank_loss"]


def _discount(ranks: Array) -> Array:
    return 1 / jnp.log2(1 + ranks)


def _of_a_swap(ranks: Array, others: Array) -> Array:
    return jnp.abs(_discount(ranks) - _discount(others))


def _by_changes(
    items: Lists, chunk_size: int | None, reduction: Reduction, worth: Callable[[Array, Array], Array]
) -> Array:
    """Logistic losses of pairs times a constant: the difference of gains, relative to IDCG, times what ranks are worth.

    ``worth(ranks, others)`` is of the ranks by score of two items, ``[..., rows, items]``.
    """
    gain = gains(items)
    now, best = ranks(items, items.scores), _discount(ranks(items, gain))
    ideal = jnp.sum(gain * best, axis=-1)[..., None, None]

    def of_rows(scores: Array, relevance: Array, keep: Array, own_gain: Array, own: Array) -> tuple[Array, Array]:
        margins, pairs = margins_of(items, scores, relevance, keep)
        change = jnp.abs(own_gain[..., :, None] - gain[..., None, :]) * worth(own[..., :, None], now[..., None, :])
        change = jnp.where(pairs, change, jnp.zeros((), gain.dtype))
        change = jax.lax.stop_gradient(numerics.divide(change, jnp.broadcast_to(ideal, change.shape)))
        return jnp.sum(change * numerics.softplus(-margins), axis=-1), jnp.any(change != 0, axis=-1)

    values, some = items.pairs(chunk_size, of_rows, items.scores, items.relevance, items.keep, gain, now)
    present = anywhere(items.axis_name, jnp.any(some, axis=-1))
    return over_lists(items.total(values), present, items, reduction)


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
    return _by_changes(items, chunk_size, reduction, _of_a_swap)


def lambda_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    swap_weight: Scalar = 1.0,
    gap_weight: Scalar = 10.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""LambdaLoss (NDCG-Loss2++): logistic loss of pairs, weighted by a bound of NDCG with the distance of their ranks.

    .. math:: \ell = \sum_{i, j : y_i > y_j} \mathrm{sg}\left( \frac{|g_i - g_j|}{\mathrm{IDCG}}
              \left( \rho \, |d(r_i) - d(r_j)| + \mu \left( d(|r_i - r_j|) - d(|r_i - r_j| + 1) \right) \right)
              \right) \log\left(1 + e^{-(s_i - s_j)}\right)

    with the gains :math:`g` and IDCG of `jaxloss.lambdarank_loss`, the present ranks :math:`r` by score (equal scores
    by place) and discounts :math:`d(r) = 1 / \log_2(1 + r)`. The first summand alone, ``gap_weight=0``, is
    `jaxloss.lambdarank_loss`; the second alone, ``swap_weight=0, gap_weight=1``, is NDCG-Loss2. No gradient flows
    through the weights of pairs. The logarithm is natural, where the paper and its implementations take that of base 2,
    and rax multiplies by the length of the list.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer, >= 0; a negative one gives NaN.
        swap_weight: Factor :math:`\rho` >= 0 of the change of NDCG if the two were swapped.
        gap_weight: Factor :math:`\mu` >= 0 of the weight by the difference of the ranks; 10 in the paper.
        chunk_size: Number of items per chunk, >= 1, static; see `jaxloss.lambdarank_loss`.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent, also from the ranks; a weight scales the gain of
            an item. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`. A list in which no items differ in relevance is
            absent.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ, ``scores`` has no axis, or a factor is negative.

    Example:
        >>> print(f"{jaxloss.lambda_loss(jnp.array([[1.0, 1.0]]), jnp.array([[0, 1]])):.4f}")
        2.8140

    Reference:
        Wang et al. (2018), The LambdaLoss Framework for Ranking Metric Optimization.
        https://doi.org/10.1145/3269206.3271784
    """
    items = lists(axis_name, where, weights, scores, relevance)
    swap = checks.scalar("swap_weight", swap_weight, items.scores.dtype, at_least=0)
    far = checks.scalar("gap_weight", gap_weight, items.scores.dtype, at_least=0)

    def worth(ranks: Array, others: Array) -> Array:
        apart = jnp.maximum(jnp.abs(ranks - others), 1)
        near = _discount(apart) - _discount(apart + 1)
        return swap * _of_a_swap(ranks, others) + far * near

    return _by_changes(items, chunk_size, reduction, worth)
