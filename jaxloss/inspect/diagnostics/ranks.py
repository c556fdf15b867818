"""Loss of plasticity: how many directions the features of a layer use.

A rank that falls to a fraction of its own start is an early sign that a network learns new targets slowly. Confirm it
with the probe of `plasticity`. An update costs a matrix product ``[features, examples] x [examples, features]``; do it
at some steps only, under ``jax.lax.cond``, or on held-out data.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio

__all__ = ["Ranks", "effective_rank", "init", "read", "singular_values", "srank", "stable_rank", "update"]


class Ranks(NamedTuple):
    """Sums over examples.

    Attributes:
        products: Sum of the outer products of the features, shape ``[features, features]``.
        counts: Number of examples, a scalar.
    """

    products: Array
    counts: Array


def init(features: int) -> Ranks:
    """No examples yet.

    Args:
        features: Number of features of the layer.

    Returns:
        A `Ranks` of zeros.

    Raises:
        ValueError: If ``features`` is not a whole number >= 1.

    Example:
        >>> diagnostics.ranks.init(3).products.shape
        (3, 3)
    """
    features = checks.whole("features", features)
    return Ranks(jnp.zeros((features, features)), jnp.zeros(()))


def update(state: Ranks, features: ArrayLike, *, where: ArrayLike | None = None) -> Ranks:
    r"""Add the features of a batch.

    .. math:: H^\top H = \sum_i h_i h_i^\top

    Args:
        state: The sums so far.
        features: Shape ``[..., features]``, floating; all leading axes are examples.
        where: Boolean ``[...]``; False deletes an example.

    Returns:
        The sums with the batch added.

    Raises:
        TypeError: If ``features`` is not floating.
        ValueError: If the last axis is not that of `init`.

    Example:
        >>> state = diagnostics.ranks.update(diagnostics.ranks.init(2), jnp.array([[1.0, 1.0], [2.0, 2.0]]))
        >>> round(float(diagnostics.ranks.effective_rank(state)), 3)
        1.0
    """
    (features,) = checks.floating(features=features)
    checks.with_axes("features", features=features)
    batch, width = features.shape[:-1], state.products.shape[0]
    checks.has_shape((*batch, width), "the features that init was told", features=features)
    rows = flat(where, features, event_ndim=1)
    return add(state, jnp.matmul(rows.T, rows, precision="highest"), jnp.sum(counted(where, batch)))


def singular_values(state: Ranks) -> Array:
    r"""Singular values of the features of all examples, from the eigenvalues of :math:`H^\top H`.

    Eigenvalues below the rounding error of the largest one count as 0: in float32, singular values of less than about
    ``sqrt(features)`` times 3e-4 of the largest one.

    Args:
        state: The sums.

    Returns:
        Shape ``[features]``, in falling order; NaN if a feature was.

    Example:
        >>> state = diagnostics.ranks.update(diagnostics.ranks.init(2), jnp.array([[3.0, 0.0], [0.0, 4.0]]))
        >>> diagnostics.ranks.singular_values(state).round(4)
        Array([4., 3.], dtype=float32)
    """
    return roots(state.products)


def roots(products: Array, scale: Scalar = 0.0) -> Array:
    """Roots of eigenvalues in falling order, 0 for those within the rounding error of the largest or of ``scale``."""
    values = jnp.linalg.eigvalsh(products)[::-1]
    resolution = products.shape[0] * float(jnp.finfo(products.dtype).eps)
    return jnp.sqrt(jnp.where(values <= resolution * jnp.maximum(values[0], scale), 0, values))


def entropy_rank(values: Array) -> Array:
    """The exponential of the entropy of singular values that are divided by their sum; NaN if all are 0."""
    shares = ratio(values, jnp.sum(values))
    return jnp.exp(-jnp.sum(jnp.where(shares == 0, 0, shares * jnp.log(jnp.where(shares == 0, 1, shares)))))


def effective_rank(state: Ranks) -> Array:
    r"""Effective rank: the exponential of the entropy of the singular values.

    .. math:: \exp \Big( -\sum_k p_k \log p_k \Big), \qquad p_k = \frac{\sigma_k}{\sum_l \sigma_l}

    Args:
        state: The sums.

    Returns:
        A scalar in [1, features]; NaN if all features are 0.

    Example:
        >>> state = diagnostics.ranks.update(diagnostics.ranks.init(2), jnp.eye(2))
        >>> round(float(diagnostics.ranks.effective_rank(state)), 3)
        2.0

    Reference:
        Roy and Vetterli (2007), The Effective Rank: A Measure of Effective Dimensionality. EUSIPCO, 606-610.
    """
    return entropy_rank(singular_values(state))


def srank(state: Ranks, delta: Scalar = 0.01) -> Array:
    r"""Number of singular values that make up nearly all of their sum.

    .. math:: \min \Big\{ k : \frac{\sum_{l \le k} \sigma_l}{\sum_l \sigma_l} \ge 1 - \delta \Big\}

    Args:
        state: The sums.
        delta: :math:`\delta`, in (0, 1).

    Returns:
        A scalar in [1, features]; NaN if all features are 0.

    Raises:
        ValueError: If ``delta`` is outside (0, 1).

    Example:
        >>> state = diagnostics.ranks.update(diagnostics.ranks.init(3), jnp.diag(jnp.array([1.0, 1.0, 0.001])))
        >>> float(diagnostics.ranks.srank(state))
        2.0

    Reference:
        Kumar, Agarwal, Ghosh and Levine (2021), Implicit Under-Parameterization Inhibits Data-Efficient Deep
        Reinforcement Learning. https://arxiv.org/abs/2010.14498
    """
    values = singular_values(state)
    delta = checks.scalar("delta", delta, values.dtype, above=0, below=1)
    shares = ratio(jnp.cumsum(values), jnp.sum(values))
    return jnp.sum(shares < 1 - delta).astype(values.dtype) + 1 + 0 * shares[-1]


def stable_rank(state: Ranks) -> Array:
    r"""Squared Frobenius norm over the squared spectral norm.

    .. math:: \frac{\sum_k \sigma_k^2}{\max_k \sigma_k^2}

    Args:
        state: The sums.

    Returns:
        A scalar in [1, features]; NaN if all features are 0.

    Example:
        >>> state = diagnostics.ranks.update(diagnostics.ranks.init(2), jnp.diag(jnp.array([2.0, 1.0])))
        >>> float(diagnostics.ranks.stable_rank(state))
        1.25
    """
    values = singular_values(state)
    return jnp.sum(jnp.square(ratio(values, values[0])))


def read(state: Ranks) -> dict[str, Array]:
    """All ranks; each costs the eigenvalues of one matrix ``[features, features]``, so read them seldom.

    Args:
        state: The sums.

    Returns:
        ``effective_rank``, ``srank`` and ``stable_rank``, scalars.

    Example:
        >>> state = diagnostics.ranks.update(diagnostics.ranks.init(2), jnp.eye(2))
        >>> float(diagnostics.ranks.read(state)["srank"])
        2.0
    """
    return {"effective_rank": effective_rank(state), "srank": srank(state), "stable_rank": stable_rank(state)}
