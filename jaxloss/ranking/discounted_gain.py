"""Smooth discounted cumulative gain (NDCG): ranks are sums of sigmoids."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.ranking._lists import Lists, gains, lists, over_lists, ranks

__all__ = ["approx_ndcg_loss"]


def approx_ndcg_loss(
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
    r"""ApproxNDCG: one minus the normalised discounted cumulative gain (NDCG), with smooth ranks.

    .. math:: \ell = 1 - \frac{1}{\mathrm{IDCG}} \sum_i \frac{g_i}{\log_2(1 + \rho_i)}, \qquad
              \rho_i = 1 + \sum_{j \ne i} \sigma\left( \frac{s_j - s_i}{\tau} \right)

    with gains :math:`g = w (2^y - 1)` and IDCG the same sum over the ranks of the best order. As the temperature goes
    to 0 it becomes 1 - NDCG. A list in which nothing is relevant is absent from the mean. Time grows with the
    square of N, memory with the size of a chunk.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer, in [0, 100]; a negative one gives NaN.
        temperature: Difference :math:`\tau` in score that counts as clear, > 0.
        chunk_size: Number of items per chunk, >= 1, static: so many are compared with all items at a time, and a chunk
            is computed again for the gradient. None takes all items if all lists together have at most 16 million
            pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent, also from the ranks; a weight scales the gain of
            an item. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1); 0 exactly where the order is right and the scores lie many temperatures apart.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ, ``scores`` has no axis, or ``temperature`` is not positive.

    Example:
        >>> jaxloss.approx_ndcg_loss(jnp.array([[0.0, 100.0, -100.0]]), jnp.array([[1, 0, 0]]))
        Array(0.36907023, dtype=float32)

    Reference:
        Qin, Liu and Li (2010), A General Approximation Framework for Direct Optimization of Information Retrieval
        Measures. https://doi.org/10.1007/s10791-009-9124-x
        Bruch, Zoghi, Bendersky and Najork (2019), Revisiting Approximate Metric Optimization in the Age of Deep Neural
        Networks. https://doi.org/10.1145/3331184.3331347
    """
    items = lists(axis_name, where, weights, scores, relevance)
    temperature = checks.scalar("temperature", temperature, items.scores.dtype, above=0)
    gain = gains(items)
    rank = ranks(items, gain, items.scores)
    best = items.rows(rank)
    shift = items.pairs(chunk_size, lambda *rows: _rank_shift(items, rank, temperature, *rows), items.scores, rank)
    discount = math.log(2.0) / jnp.log1p(best)
    # The discount lost between the best rank and the smooth one, without the cancellation of their difference.
    lost = discount * jnp.log1p(shift / (1 + best)) / jnp.log1p(best + shift)
    values = numerics.divide(items.total(items.rows(gain) * lost), items.total(items.rows(gain) * discount))
    return over_lists(numerics.positive_part(values), jnp.any(gain != 0, axis=-1), items, reduction)


def _rank_shift(items: Lists, rank: Array, temperature: Scalar, scores: Array, best: Array) -> Array:
    """The smooth rank of every row less its rank ``best`` in the best order, in which all items have their ``rank``."""
    margins = (items.scores[..., None, :] - scores[..., :, None]) / temperature
    higher, other = (gap(rank[..., None, :], best[..., :, None]) for gap in (jnp.less, jnp.not_equal))
    sign = jnp.where(higher, -jnp.ones((), scores.dtype), jnp.ones((), scores.dtype))
    pairs = other & items.keep[..., None, :]
    return jnp.sum(jnp.where(pairs, sign * jax.nn.sigmoid(sign * margins), jnp.zeros((), scores.dtype)), axis=-1)
