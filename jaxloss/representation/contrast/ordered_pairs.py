"""Pairs of texts whose cosines should be in the order of their scores (CoSENT)."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, pool_mass, promote, reduce
from jaxloss._floor.spread import own_rows, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.regression.correlations import cosine_distance
from jaxloss.representation._groups import gathered

__all__ = ["cosent_loss"]


def cosent_loss(
    anchors: ArrayLike,
    others: ArrayLike,
    targets: ArrayLike,
    *,
    temperature: Scalar = 0.05,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""CoSENT loss: log-sum over all pairs of pairs whose cosines are in another order than their similarity scores.

    .. math:: \ell = \log\Big( 1 + \sum_{i, j: y_i > y_j} w_i w_j e^{(c_j - c_i) / \tau} \Big), \qquad
              c_i = \frac{\langle a_i, b_i \rangle}{\|a_i\| \, \|b_i\|}

    Only the order of the scores counts, so that they may be similarities, grades, or 1 and 0 for entailment and
    contradiction. The pairs of a batch are pooled, so ``where`` and ``weights`` belong to them: a weight of 2 counts as
    two copies. sentence-transformers has ``scale = 1 / temperature``. To regress the scores, use
    ``jaxloss.squared_error(1 - jaxloss.cosine_distance(anchors, others, reduction="none"), targets)``.

    Args:
        anchors: Embeddings of the one half of the pairs, shape ``[..., N, D]``, floating; need not be normalised, a
            zero vector is orthogonal to all others.
        others: Embeddings of the other half, shape ``[..., N, D]``, the same; never broadcast.
        targets: Similarity scores of the pairs, shape ``[..., N]``, floating or integer; equal ones are not compared.
        temperature: :math:`\tau` > 0.
        chunk_size: Number of rows per chunk, >= 1, static: so many pairs are compared with all at a time. See
            `jaxloss.representation`.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the pairs are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a batch in which no scores differ is absent. See `jaxloss.reduce`.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, with full relative accuracy for small values.

    Raises:
        TypeError: If ``anchors`` is not floating.
        ValueError: If the shapes do not match, ``temperature`` is not positive, or every pool has one entry, as in
            ``[N, 1, D]``.

    Example:
        >>> anchors, others = jnp.array([[1.0, 0.0], [1.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> jaxloss.cosent_loss(anchors, others, jnp.array([0.2, 0.9]), temperature=0.5)
        Array(2.126928, dtype=float32)

    Reference:
        Su (2022), CoSENT: a sentence embedding scheme more effective than Sentence-BERT.
        https://kexue.fm/archives/8847
    """
    anchors, others = checks.values(anchors=anchors, others=others)
    (targets,) = checks.numeric(targets=targets)
    checks.with_pool("pairs features", anchors=anchors)
    checks.has_shape(anchors.shape[:-1], "anchors.shape[:-1], the feature axis is last", targets=targets)
    anchors, others = blank(where, anchors, others, event_ndim=1)
    cosines = 1 - cosine_distance(anchors, others, reduction="none")
    tau = checks.scalar("temperature", temperature, cosines.dtype, above=0)
    cosines, targets = promote(cosines, *blank(where, targets))
    where, weights, cosines, targets = whole_pool(axis_name, where, weights, cosines, targets)
    mass, _ = pool_mass(where, weights, cosines)
    kept = jnp.ones(cosines.shape, bool) if mass is None else mass.astype(bool)
    copies = jnp.zeros_like(cosines) if mass is None else jnp.log(hide(kept, mass, fill=1).astype(cosines.dtype))
    high, low = copies + cosines / tau, copies - cosines / tau

    def of_rows(rows: tuple[Array, ...], _: Array) -> Array:
        low, own, keep = rows
        below = (own[..., :, None] > targets[..., None, :]) & keep[..., :, None] & kept[..., None, :]
        return low + gathered(jnp.broadcast_to(high[..., None, :], below.shape), below)

    mine = tuple(own_rows(axis_name, x) for x in (low, targets, kept))
    chunk = chunk_rows(chunk_size, mine[0].shape[-1], cosines.size)
    _, _, rows = whole_pool(axis_name, None, None, by_rows(of_rows, chunk, mine, cosines.ndim - 1))
    some = ~jnp.isneginf(rows)
    broken = jnp.any(jnp.isnan(targets) & kept, axis=-1)
    values = numerics.poison(numerics.softplus(gathered(rows, some)), ~broken)
    return reduce(values, where=jnp.any(some, axis=-1) | broken, reduction=reduction)
