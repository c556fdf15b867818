"""Part of the area under the ROC curve: pairs at a low rate of false positives, or also at a high one of true ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, divide_sums, reduce, relative_mass
from jaxloss._floor.spread import own_rows, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["partial_auc_loss"]


def partial_auc_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    negative_temperature: Scalar = 1.0,
    positive_temperature: Scalar | None = None,
    margin: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Partial AUC loss: the squared hinge of score differences, in which the hardest negatives of a positive prevail.

    .. math:: \ell_i = \lambda \log \frac{\sum_{j: y_j = 0} w_j \, e^{\max(0, m - (s_i - s_j))^2 / \lambda}}
              {\sum_{j: y_j = 0} w_j}, \qquad
              \ell = \frac{\sum_{i: y_i = 1} w_i \ell_i}{\sum_{i: y_i = 1} w_i}

    It is the one-way loss: the smaller :math:`\lambda`, the lower the false positive rate up to which the curve counts.
    With a positive temperature :math:`\lambda'` it is the two-way loss: the mean over positives becomes
    :math:`\lambda' \log \overline{e^{\ell_i / \lambda'}}`, in which the hardest positives prevail, those at a high true
    positive rate. These soft maxima are worst cases over re-weighted pairs (distributionally robust, with the KL
    divergence). With all temperatures large it is `jaxloss.pairwise_auc_loss`.

    With a hard limit the curve counts up to an exact rate: then it is ``pairwise_auc_loss(scores, targets,
    where=(targets == 1) | (scores >= threshold))``, with the threshold that so many of the negatives reach.

    Args:
        scores: Shape ``[..., N]``, floating; greater means more positive.
        targets: Shape ``[..., N]``, floating, integer or boolean, 0 or 1; never broadcast.
        negative_temperature: :math:`\lambda` > 0, in squared units of ``scores``.
        positive_temperature: :math:`\lambda'` > 0 for the two-way loss; None for the one-way loss.
        margin: Score difference :math:`m` from which a pair costs nothing; > 0.
        chunk_size: Number of entries per chunk, >= 1, static: so many are compared with all entries at a time, and a
            chunk is computed again for the gradient. None takes all entries if all pools together have at most 4
            million pairs.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without a pair is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``scores``; 0 exactly where every positive lies ``margin`` above every
        negative. NaN where a target is neither 0 nor 1.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ, an axis is missing, or a hyperparameter is out of range; or if every pool
            has one entry, as in ``[N, 1]``.

    Example:
        >>> scores, targets = jnp.array([2.0, 0.5, 0.0, 1.0]), jnp.array([1, 1, 0, 0])
        >>> print(f"{jaxloss.partial_auc_loss(scores, targets):.4f}")
        0.8419

    Reference:
        Zhu et al. (2022), When AUC meets DRO: Optimizing Partial AUC for Deep Learning with Non-Convex Convergence
        Guarantee. https://arxiv.org/abs/2203.00176
    """
    scores, targets = checks.values(scores=scores, targets=checks.marks(targets))
    checks.with_pool("entries", scores=scores)
    scores, targets = blank(where, scores, targets)
    where, weights, scores, targets = whole_pool(axis_name, where, weights, scores, targets)
    dtype = scores.dtype
    hard = checks.scalar("negative_temperature", negative_temperature, dtype, above=0)
    margin = checks.scalar("margin", margin, dtype, above=0)
    positive, negative = targets == 1, targets == 0
    value_checks.ensure(lambda: positive | negative, "targets must be 0 or 1")
    legal = jnp.all(positive | negative, axis=-1)
    scores = numerics.poison(scores, jnp.broadcast_to(legal[..., None], scores.shape))
    mass, _ = relative_mass(where, weights, scores)
    mass = jnp.ones(scores.shape, dtype) if mass is None else mass.astype(dtype)
    firsts, seconds = (jnp.where(members, mass, jnp.zeros((), dtype)) for members in (positive, negative))

    def of_rows(rows: tuple[Array, Array], _: Array) -> Array:
        score, own = rows
        pairs = (own[..., :, None] != 0) & (seconds[..., None, :] != 0)
        lead = jnp.where(pairs, score[..., :, None] - scores[..., None, :], jnp.asarray(margin, dtype))
        costs = jnp.square(numerics.positive_part(margin - lead))
        return _soft_largest(costs, jnp.broadcast_to(seconds[..., None, :], costs.shape), hard)

    own = tuple(own_rows(axis_name, x) for x in (scores, firsts))
    values = by_rows(of_rows, chunk_rows(chunk_size, own[0].shape[-1], scores.size), own, scores.ndim - 1)
    _, _, values = whole_pool(axis_name, None, None, values)
    if positive_temperature is None:
        values = divide_sums(jnp.sum(firsts * values, axis=-1), jnp.sum(firsts, axis=-1))
    else:
        soft = checks.scalar("positive_temperature", positive_temperature, dtype, above=0)
        values = _soft_largest(values, firsts, soft)
    pairs = jnp.any(firsts != 0, axis=-1) & jnp.any(seconds != 0, axis=-1)
    values = values + jnp.sum(numerics.trace_of_nan(scores), axis=-1)
    return reduce(numerics.poison(values, legal), where=pairs | ~legal, reduction=reduction)


def _soft_largest(costs: Array, mass: Array, temperature: Scalar) -> Array:
    """``t log(sum(mass exp(costs / t)) / sum(mass))`` over the last axis for costs >= 0, exactly 0 if all of them are.

    Entries without mass have a cost of 0; 0 over nothing.
    """
    zero, one = jnp.zeros((), costs.dtype), jnp.ones((), costs.dtype)
    top = jax.lax.stop_gradient(jnp.max(jnp.where(mass != 0, costs, zero), axis=-1, initial=0))
    near, whole = top < temperature, jnp.sum(mass, axis=-1)
    small = jnp.where(near[..., None], costs, zero) / temperature
    excess = divide_sums(jnp.sum(mass * jnp.expm1(small), axis=-1), whole)
    # A square that is fused into a plain subtraction would leave the rounding of a large one.
    below = numerics.difference(costs, jnp.broadcast_to(top[..., None], costs.shape)) / temperature
    below = jnp.where(near[..., None] | (mass == 0), zero, below)
    share = divide_sums(jnp.sum(mass * jnp.exp(below), axis=-1), whole)
    far = top + temperature * jnp.log(jnp.where(near | (whole == 0), one, share))
    return jnp.where(near, temperature * jnp.log1p(excess), far)
