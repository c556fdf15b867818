"""Listwise ranking losses: the likelihood of a whole list under its scores (ListNet, ListMLE, unique softmax)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.soft_targets import target_terms
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.ranking._drawn_orders import drawn
from jaxloss.ranking._lists import ensure_relevance, gains, lists, over_lists, spans

__all__ = ["listmle_loss", "ranking_softmax_loss", "unique_softmax_loss"]


def ranking_softmax_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""ListNet: cross-entropy of relevance against the softmax of the scores of a list.

    .. math:: \ell = -\sum_i w_i y_i \log \frac{e^{s_i}}{\sum_j e^{s_j}}

    Relevance is not normalised, as in optax and rax: a list counts in proportion to its sum; divide by the sum for
    the cross-entropy of distributions. A list in which nothing is relevant is absent from the mean (there it counts
    as 0).

    Args:
        scores: Shape ``[..., N]``, floating. An item of score -inf is absent if its relevance is 0.
        relevance: Shape ``[..., N]``, the same; floating or integer, >= 0; a negative one gives NaN.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is also absent from the softmax; a weight scales the relevance
            of an item and leaves it in the softmax. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats times units of relevance.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.ranking_softmax_loss(jnp.array([[2.0, 0.0, 0.0]]), jnp.array([[1, 0, 0]]))
        Array(0.23954476, dtype=float32)

    Reference:
        Cao, Qin, Liu, Tsai and Li (2007), Learning to Rank: From Pairwise Approach to Listwise Approach.
        https://doi.org/10.1145/1273496.1273513
    """
    items = lists(axis_name, where, weights, scores, relevance)
    ensure_relevance(items)
    targets = items.times_mass(items.relevance)
    items = items._replace(scores=jnp.where(items.keep, items.scores, _far_below(items.scores)))
    values = target_terms(items.scores, targets)[0]
    legal, present = _legal_and_present(items.relevance, targets)
    values = numerics.poison(values, legal)
    return over_lists(values, present, items, reduction, telling=True)


@jax.jit
def _legal_and_present(relevance: Array, targets: Array) -> tuple[Array, Array]:
    return jax.lax.platform_dependent(relevance, targets, cpu=_by_sums, default=_by_comparisons)


def _by_comparisons(relevance: Array, targets: Array) -> tuple[Array, Array]:
    """In which lists no relevance is negative, and in which there is a target."""
    return jnp.all(relevance >= 0, axis=-1), jnp.any(targets != 0, axis=-1)


def _by_sums(relevance: Array, targets: Array) -> tuple[Array, Array]:
    """The same by minima and a sum that the loss has anyway: XLA on CPU stores comparisons of all items."""
    present = (jnp.sum(targets, axis=-1) != 0) | (jnp.min(targets, axis=-1) < 0)
    return jnp.min(relevance, axis=-1) >= 0, present


def _far_below(scores: Array) -> Array:
    """A score for each list whose share is 0 beside any other, and which leaves the terms of the softmax finite."""
    lowest = jnp.min(jax.lax.stop_gradient(scores), axis=-1, keepdims=True)
    # Selected, or XLA on CPU stores it for every item.
    return jnp.where(lowest >= -1, -1e4, 1e4 * lowest)


def listmle_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""ListMLE: negative log-likelihood of the order of a list under the Plackett-Luce model of its scores.

    .. math:: \ell = -\sum_i w_i \log \frac{e^{s_i}}{\sum_{j : y_j \le y_i} e^{s_j}}

    The order is drawn from the top without replacement. Items of equal relevance are all drawn from the same set, which
    includes them, so their places in the list do not matter (rax orders them by place or by a random key; without ties
    the numbers are equal). A list in which all items are equally relevant has no order and is absent from the mean.
    Time grows with ``N log N``. Of the rewards of several answers to a prompt and their order by a human, it is the
    K-wise loss of a reward model; with two it is `jaxloss.bradley_terry_reward_loss`.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer. Only its order counts.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent; a weight scales the term of an item and leaves it
            in the sums of others. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.listmle_loss(jnp.zeros((1, 3)), jnp.array([[3, 2, 1]]))
        Array(1.7917595, dtype=float32)

    Reference:
        Xia, Liu, Wang, Zhang and Li (2008), Listwise Approach to Learning to Rank: Theory and Algorithm.
        https://doi.org/10.1145/1390156.1390306
    """
    items = lists(axis_name, where, weights, scores, relevance)
    y = items.relevance
    terms, order = drawn(items.scores, y, items.keep)
    values = jnp.sum(jnp.take_along_axis(items.mass, order, axis=-1, mode="promise_in_bounds") * terms, axis=-1)
    # Of two items of score -inf nobody knows which is drawn first.
    known = jnp.sum(items.keep & jnp.isneginf(items.scores), axis=-1, dtype=jnp.int32) < 2
    values = numerics.poison(values, known)
    present = spans(y, items.keep) & jnp.any(items.mass != 0, axis=-1)
    return over_lists(values, present, items, reduction)


def unique_softmax_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Unique softmax (uRank): every item against the items that are less relevant, weighted by its gain.

    .. math:: \ell = -\sum_i w_i \left( 2^{y_i} - 1 \right) \log \frac{e^{s_i}}{e^{s_i} + \sum_{j : y_j < y_i} e^{s_j}}

    Items of equal relevance do not compete, unlike in `jaxloss.listmle_loss`. A list in which all items are equally
    relevant is absent from the mean. Time grows with the square of N, memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer, in [0, 100]; a negative one gives NaN.
        chunk_size: Number of items per chunk, >= 1, static: so many are compared with all items at a time, and a chunk
            is computed again for the gradient. None takes all items if all lists together have at most 16 million
            pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent; a weight scales the term of an item and leaves it
            in the sums of others. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ or ``scores`` has no axis.

    Example:
        >>> jaxloss.unique_softmax_loss(jnp.zeros((1, 3)), jnp.array([[1, 1, 0]]))
        Array(1.3862944, dtype=float32)

    Reference:
        Zhu and Klabjan (2020), Listwise Learning to Rank by Exploring Unique Ratings.
        https://doi.org/10.1145/3336191.3371814
    """
    items = lists(axis_name, where, weights, scores, relevance)
    gain = gains(items)

    def of_rows(scores: Array, relevance: Array) -> Array:
        lesser = items.keep[..., None, :] & (items.relevance[..., None, :] < relevance[..., :, None])
        rivals = numerics.log_sum_exp(jnp.where(lesser, items.scores[..., None, :], -jnp.inf))
        return numerics.softplus(rivals - scores)

    surprise = items.pairs(chunk_size, of_rows, items.scores, items.relevance)
    values = items.total(items.rows(gain) * surprise)
    present = spans(items.relevance, items.keep) & jnp.any(items.mass != 0, axis=-1)
    return over_lists(values, present | jnp.isnan(values), items, reduction)
