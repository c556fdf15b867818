"""Retrieval with the items of a batch as negatives of each other (two-tower models)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.spread import mean_over, over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import Group, gathered, matched

__all__ = ["in_batch_softmax_loss"]


def in_batch_softmax_loss(
    queries: ArrayLike,
    items: ArrayLike,
    item_ids: ArrayLike,
    item_log_q: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""In-batch softmax with log q correction: the item of a query against those of the other queries of the batch.

    .. math:: \ell_i = -\log \frac{e^{s_{ii} - \log q_i}}
              {e^{s_{ii} - \log q_i} + \sum_{j: k_j \ne k_i} e^{s_{ij} - \log q_j}}, \qquad
              s_{ij} = \frac{\langle u_i, v_j \rangle}{\tau}

    where :math:`k_j` is the identity of an item and :math:`q_j` the probability with which it is drawn into a batch.
    Without the correction popular items, which are often in a batch, are repelled too often. An accidental hit, a row
    with the query's own item, is not a negative. With equal q and different items this is
    ``jaxloss.n_pairs_loss(queries / temperature, items)``.

    Inner products are taken as they are: normalise the embeddings for cosines. Mined negatives join the batch in
    ``jaxloss.softmax_cross_entropy_with_integer_labels(queries @ jnp.concatenate([items, mined]).T, jnp.arange(N))``;
    K candidates ``[..., K, D]`` of each query have the logits ``jnp.einsum("...d,...kd->...k", queries, candidates)``.

    Args:
        queries: Shape ``[..., N, D]``, floating.
        items: Shape ``[..., N, D]``, the same; the item of query i is in row i.
        item_ids: Which items these are, shape ``[..., N]``, any integers.
        item_log_q: Logarithm of the probability, or of the expected count, with which an item is in a batch, shape
            ``[..., N]``, floating; a constant added to all changes nothing. 0 for all leaves the correction out.
        temperature: :math:`\tau` > 0.
        chunk_size, axis_name, where, weights, reduction: See `jaxloss.representation`.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives.

    Raises:
        TypeError: If an input is not floating, or ``item_ids`` is not integer.
        ValueError: If the shapes do not match, or ``temperature`` is not positive.

    Example:
        >>> queries, ids, log_q = jnp.eye(3), jnp.array([7, 7, 9]), jnp.log(jnp.array([0.5, 0.5, 0.25]))
        >>> jaxloss.in_batch_softmax_loss(queries, queries, ids, log_q, temperature=0.5, reduction="none")
        Array([0.23954476, 0.23954476, 0.126928  ], dtype=float32)

    Reference:
        Yi et al. (2019), Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations.
        https://doi.org/10.1145/3298689.3346996
    """
    queries, items, crowd = matched(where, axis_name, False, chunk_size, queries=queries, items=items)
    (item_ids,), (item_log_q,) = checks.integer(item_ids=item_ids), checks.floating(item_log_q=item_log_q)
    checks.has_shape(queries.shape[:-1], "one number per item", item_ids=item_ids, item_log_q=item_log_q)
    queries, items, log_q = promote(queries, items, *blank(where, item_log_q))
    tau = checks.scalar("temperature", temperature, queries.dtype, above=0)
    group = Group(hide(where, item_ids), crowd)
    # A constant added to all changes nothing, and small numbers keep more digits.
    log_q = log_q - jax.lax.stop_gradient(mean_over(axis_name, log_q, crowd.keep))[..., None]
    log_q_of_all = jnp.swapaxes(crowd.everybody(log_q[..., None]), -1, -2)

    def of_rows(logits: Array, _: Array, negatives: Array) -> Array:
        return gathered(logits - log_q_of_all, negatives)

    rest = group.anchors(of_rows, queries / tau, items)
    values = numerics.softplus(rest - (jnp.sum(queries / tau * items, axis=-1) - log_q))
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
