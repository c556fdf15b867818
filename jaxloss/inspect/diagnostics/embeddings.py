"""Collapsed embeddings: whether representations still differ, and in how many directions.

An update costs a matrix product ``[features, examples] x [examples, features]``; do it at some steps only, under
``jax.lax.cond``, or on held-out data.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import normalize
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio
from jaxloss.inspect.diagnostics.ranks import entropy_rank, roots

__all__ = ["Embeddings", "covariance", "init", "read", "update"]


class Embeddings(NamedTuple):
    """Sums over embeddings of length 1.

    Attributes:
        sums: Sum of the embeddings, shape ``[features]``.
        products: Sum of their outer products, shape ``[features, features]``.
        counts: Number of embeddings, a scalar.
    """

    sums: Array
    products: Array
    counts: Array


def init(features: int) -> Embeddings:
    """No embeddings yet.

    Args:
        features: Number of features of an embedding.

    Returns:
        An `Embeddings` of zeros.

    Raises:
        ValueError: If ``features`` is not a whole number >= 1.

    Example:
        >>> diagnostics.embeddings.init(16).sums.shape
        (16,)
    """
    features = checks.whole("features", features)
    return Embeddings(jnp.zeros(features), jnp.zeros((features, features)), jnp.zeros(()))


def update(state: Embeddings, embeddings: ArrayLike, *, where: ArrayLike | None = None) -> Embeddings:
    """Add embeddings, each divided by its length.

    Args:
        state: The sums so far.
        embeddings: Shape ``[..., features]``, floating, of any length.
        where: Boolean ``[...]``; False deletes an embedding.

    Returns:
        The sums with the embeddings added.

    Raises:
        TypeError: If ``embeddings`` is not floating.
        ValueError: If the last axis is not that of `init`.

    Example:
        >>> state = diagnostics.embeddings.update(diagnostics.embeddings.init(2), jnp.array([[5.0, 0.0], [5.0, 0.0]]))
        >>> float(diagnostics.embeddings.read(state)["variance"])  # collapsed to one point
        0.0
    """
    (embeddings,) = checks.floating(embeddings=embeddings)
    checks.with_axes("features", embeddings=embeddings)
    batch, features = embeddings.shape[:-1], state.sums.shape[0]
    checks.has_shape((*batch, features), "the features that init was told", embeddings=embeddings)
    rows = normalize(flat(where, embeddings, event_ndim=1))
    products = jnp.matmul(rows.T, rows, precision="highest")
    return add(state, jnp.sum(rows, axis=0), products, jnp.sum(counted(where, batch)))


def covariance(state: Embeddings) -> Array:
    r"""Covariance of the embeddings of length 1.

    .. math:: \frac{1}{N} \sum_i z_i z_i^\top - \bar z \bar z^\top

    Args:
        state: The sums.

    Returns:
        Shape ``[features, features]``; NaN without embeddings.

    Example:
        >>> state = diagnostics.embeddings.update(diagnostics.embeddings.init(2), jnp.array([[1.0, 0.0], [-1.0, 0.0]]))
        >>> diagnostics.embeddings.covariance(state)
        Array([[1., 0.],
               [0., 0.]], dtype=float32)
    """
    mean = ratio(state.sums, state.counts)
    square = ratio(state.products, state.counts)
    return square - mean[:, None] * mean[None, :]


def read(state: Embeddings) -> dict[str, Array]:
    r"""Whether the embeddings collapsed, to a point or to few directions.

    .. math:: \mathrm{variance} = \operatorname{tr} \Sigma = 1 - \|\bar z\|^2

    Args:
        state: The sums.

    Returns:
        ``variance``, in [0, 1]: 0 if all embeddings are one point; ``effective_rank`` of the covariance, in
        [1, features], the exponential of the entropy of the roots of its eigenvalues, NaN at a complete collapse;
        ``effective_share`` of the features.

    Example:
        >>> state = diagnostics.embeddings.update(diagnostics.embeddings.init(2), jnp.array([[1.0, 0.0], [-1.0, 0.0]]))
        >>> {name: round(float(x), 3) for name, x in diagnostics.embeddings.read(state).items()}
        {'variance': 1.0, 'effective_rank': 1.0, 'effective_share': 0.5}

    Reference:
        Jing, Vincent, LeCun and Tian (2022), Understanding Dimensional Collapse in Contrastive Self-supervised
        Learning. https://arxiv.org/abs/2110.09348
    """
    spread = covariance(state)
    rank = entropy_rank(roots(spread, 1.0))  # the covariance is a difference of matrices of trace 1
    return {
        "variance": jnp.maximum(jnp.trace(spread), 0),
        "effective_rank": rank,
        "effective_share": rank / state.sums.shape[0],
    }
