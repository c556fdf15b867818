"""Contrast with a queue (MoCo): every query against its own key and negatives that all queries share."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.representation._groups import similarities, unit

__all__ = ["infonce_with_queue_loss"]


def infonce_with_queue_loss(
    queries: ArrayLike,
    keys: ArrayLike,
    negatives: ArrayLike,
    *,
    temperature: Scalar = 0.07,
    chunk_size: int | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""InfoNCE with a queue (MoCo): softmax cross-entropy of the key of a query against a queue of negatives.

    .. math:: \ell = -\log \frac{e^{\cos(q, k) / \tau}}{e^{\cos(q, k) / \tau} + \sum_m e^{\cos(q, n_m) / \tau}}

    The examples of a batch do not meet: the negatives are an argument. In MoCo keys and queue come from a momentum
    encoder, so pass them through ``jax.lax.stop_gradient``, and the keys of a step replace the oldest rows of the queue
    after it.

    Args:
        queries: Shape ``[..., D]``, floating; need not be normalised; a zero vector is orthogonal to all.
        keys: The positive of each query, shape ``[..., D]``, the same; never broadcast.
        negatives: Shape ``[M, D]``, floating, the same for all queries.
        temperature: :math:`\tau` > 0.
        chunk_size: Number of queries per chunk, >= 1, static; see `jaxloss.representation`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, ``negatives`` is empty, or ``temperature`` is not positive.

    Example:
        >>> queries, negatives = jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 1.0], [0.0, -3.0]])
        >>> jaxloss.infonce_with_queue_loss(queries, queries, negatives, temperature=0.5)
        Array(0.23954476, dtype=float32)

    Reference:
        He et al. (2020), Momentum Contrast for Unsupervised Visual Representation Learning.
        https://arxiv.org/abs/1911.05722
    """
    queries, keys, negatives = checks.floating(queries=queries, keys=keys, negatives=negatives)
    checks.with_axes("features", queries=queries)
    checks.same_shape(queries=queries, keys=keys)
    checks.with_axes("negatives features", negatives=negatives)
    checks.has_shape((negatives.shape[-2], queries.shape[-1]), "negatives, features", negatives=negatives)
    queries, keys = blank(where, queries, keys, event_ndim=1)
    queries, keys, negatives = promote(queries, keys, negatives)
    tau = checks.scalar("temperature", temperature, queries.dtype, above=0)
    queries, keys, negatives = unit(queries) / tau, unit(keys), unit(negatives)

    def of_rows(queries: Array, _: Array) -> Array:
        return numerics.log_sum_exp(similarities(queries, negatives))

    rows = queries.reshape(-1, queries.shape[-1])
    rest = by_rows(of_rows, chunk_rows(chunk_size, rows.shape[0], negatives.shape[0]), rows, 0)
    rest = rest.reshape(queries.shape[:-1])
    values = numerics.softplus(rest - jnp.sum(queries * keys, axis=-1))
    return reduce(values, where=where, weights=weights, reduction=reduction)
