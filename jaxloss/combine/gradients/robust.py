"""Aggregators that are robust to some wrong gradients: Krum and the trimmed mean."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array
from jaxloss.combine.gradients._gram import reveal, without
from jaxloss.combine.gradients._rows import row_leaves
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian

__all__ = ["krum", "krum_weights", "trimmed_mean_of_gradients"]


def krum_weights(gram: Array, *, outliers: int, selected: int = 1, present: Array | None = None) -> Array:
    r"""Weights of Multi-Krum: the mean of the gradients that are closest to their neighbours.

    .. math:: s_i = \sum_{j \in N_i} \|g_i - g_j\|^2, \qquad d = \frac1k \sum_{i: \, s_i \text{ among the } k
              \text{ smallest}} g_i

    with :math:`N_i` the :math:`m - f - 2` nearest neighbours of i. TorchJD sums distances; the paper and this function
    sum squared distances.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``, with m at least ``outliers + 3``.
        outliers: Number f >= 0 of gradients that may be arbitrary.
        selected: Number k >= 1 of gradients in the mean.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present. With
            fewer than ``outliers + 3`` present terms, only the nearest neighbour counts.

    Returns:
        Weights of ``1 / k`` or 0, shape ``[m]``; among equal scores, the first terms are selected.

    Raises:
        ValueError: If there are too few terms, or a number is out of range.

    Example:
        >>> from jaxloss import combine
        >>> jacobian = jnp.array([[1.0], [1.1], [0.9], [-50.0]])
        >>> combine.krum_weights(jacobian @ jacobian.T, outliers=1, selected=2)
        Array([0.5, 0.5, 0. , 0. ], dtype=float32)

    Reference:
        Blanchard et al. (2017), Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent.
        https://arxiv.org/abs/1703.02757
    """
    checks.whole("outliers", outliers, 0)
    checks.whole("selected", selected, 1)
    gram, present = without(gram, present)
    if len(gram) < max(outliers + 3, selected):
        raise ValueError(
            f"gram must have at least outliers + 3 and at least selected rows, {max(outliers + 3, selected)}; found "
            f"{len(gram)}."
        )
    squares = jnp.diagonal(gram)
    apart = jnp.maximum(squares[:, None] + squares[None, :] - 2 * gram, 0)
    others = present[:, None] & present[None, :] & ~jnp.eye(len(gram), dtype=bool)
    near = jnp.sort(jnp.where(others, apart, jnp.inf), axis=1)
    count = jnp.sum(present)
    neighbours = jnp.minimum(jnp.maximum(count - outliers - 2, 1), jnp.maximum(count - 1, 0))
    counted = (jnp.arange(len(gram)) < neighbours)[None, :]
    scores = jnp.where(present, jnp.sum(jnp.where(counted, near, jnp.zeros_like(near)), axis=1), jnp.inf)
    rank = jnp.argsort(jnp.argsort(scores))
    chosen = ((rank < selected) & present).astype(gram.dtype)
    return reveal(divide(chosen, jnp.broadcast_to(jnp.sum(chosen), chosen.shape)), gram, present)


def krum(*, outliers: int, selected: int = 1) -> Aggregator:
    """Multi-Krum: the mean of the gradients that are closest to their neighbours; see `krum_weights`.

    Args:
        outliers: As for `krum_weights`.
        selected: As for `krum_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> from jaxloss import combine
        >>> combine.krum(outliers=1, selected=0)
        Traceback (most recent call last):
            ...
        ValueError: selected must be a whole number >= 1, known when the program is built; found 0.
    """
    checks.whole("outliers", outliers, 0)
    checks.whole("selected", selected, 1)
    return from_gramian(lambda gram, present: krum_weights(gram, outliers=outliers, selected=selected, present=present))


def trimmed_mean_of_gradients(*, trim: int) -> Aggregator:
    """Trimmed mean of the gradients, in every entry without the ``trim`` largest and ``trim`` smallest values.

    It acts on single entries instead of the Gram matrix, so there are no weights.

    Args:
        trim: Number of values to drop at each end, >= 0; fewer if there are few present terms, so that the median
            remains.

    Returns:
        An `Aggregator` without state; an entry is NaN if it is NaN in a present term; NaNs are not trimmed.

    Raises:
        ValueError: If ``trim`` is out of range; at ``init`` if there are fewer than ``2 * trim + 1`` terms.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.trimmed_mean_of_gradients(trim=1)
        >>> more = {"values": jnp.ones(3), "present": jnp.ones(3, bool), "step": jnp.int32(0)}
        >>> aggregator.update(jnp.array([[1.0], [2.0], [99.0]]), (), **more)[0]
        Array([2.], dtype=float32)

    Reference:
        Yin, Chen, Ramchandran and Bartlett (2018), Byzantine-Robust Distributed Learning: Towards Optimal Statistical
        Rates. https://arxiv.org/abs/1803.01498
    """
    checks.whole("trim", trim, 0)

    def init(params: Any, names: Any, /) -> tuple[()]:
        if len(names) < 2 * trim + 1:
            raise ValueError(f"trim={trim} needs at least {2 * trim + 1} terms; found {sorted(names)}.")
        return ()

    def update(rows: Any, state: Any, /, *, present: Array, **_: Any) -> tuple[Any, Any]:
        row_leaves(rows)
        return jax.tree.map(lambda leaf: _trimmed(leaf, present, trim), rows), state

    return Aggregator(init, update)


def _trimmed(leaf: Array, present: Array, trim: int) -> Array:
    (wide,) = promote(leaf)
    column = lambda x: jnp.reshape(x, (-1,) + (1,) * (leaf.ndim - 1))
    ordered = jnp.sort(jnp.where(column(present), wide, jnp.inf), axis=0)
    count = jnp.sum(present)
    cut = jnp.clip((count - 1) // 2, 0, trim)
    rank = jnp.arange(len(leaf))
    kept = (rank >= cut) & (rank < count - cut)
    total = jnp.sum(jnp.where(column(kept), ordered, jnp.zeros((), wide.dtype)), axis=0)
    broken = jnp.any(column(present) & jnp.isnan(wide), axis=0)
    mean = divide(total, jnp.broadcast_to(jnp.sum(kept).astype(wide.dtype), total.shape))
    return jnp.where(broken, jnp.nan, mean).astype(leaf.dtype)
