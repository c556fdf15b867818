"""Differentiable stand-ins for rates of a whole set of predictions: the F-score and the area under the ROC curve."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths.numerics import divide, poison, trace_of_nan
from jaxloss._floor.reduction import blank, divide_sums, pool_sum, reduce, relative_mass, weighted_sums
from jaxloss._floor.spread import own_rows, summed, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["pairwise_auc_loss", "soft_f1_loss"]


def soft_f1_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    beta: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft F1 (F-beta) loss: one minus the F-score, with probabilities as fractional counts.

    .. math:: \ell = 1 - F_\beta = \frac{\beta^2 \mathrm{FN} + \mathrm{FP}}
              {(1 + \beta^2) \mathrm{TP} + \beta^2 \mathrm{FN} + \mathrm{FP}}, \quad
              \mathrm{TP} = \sum_n p_n y_n, \;
              \mathrm{FP} = \sum_n p_n (1 - y_n), \;
              \mathrm{FN} = \sum_n (1 - p_n) y_n

    The last axis is pooled before the quotient, so ``where`` and ``weights`` belong to its entries. At
    probabilities of 0 and 1 this is one minus the F-score of the hard predictions. For one score per label
    (macro averaging) move the examples to the last axis; for one over all labels (micro) pass the arrays flat.

    Args:
        probs: Probabilities of the positive class, shape ``[..., N]``, floating, in ``[0, 1]``.
        targets: Shape ``[..., N]``, floating or integer, in ``[0, 1]``; never broadcast.
        beta: Worth of recall against precision; > 0. 1 is the F1 score.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 1]``; 0 exactly at a perfect fit. A pool with no positive and none predicted is such a
        fit, with zero gradient. NaN outside ``[0, 1]``.

    Raises:
        TypeError: If ``probs`` are not floating.
        ValueError: If the shapes differ, an axis is missing, or ``beta`` is out of range; or if every pool has one
            entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.soft_f1_loss(jnp.array([1.0, 0.5, 0.5]), jnp.array([1, 1, 0]))
        Array(0.25, dtype=float32)

    Reference:
        Jansche (2005), Maximum Expected F-Measure Training of Logistic Regression Models.
        https://aclanthology.org/H05-1087
    """
    probs, targets = checks.values(probs=probs, targets=checks.marks(targets))
    checks.with_pool("entries", probs=probs)
    probs, targets = blank(where, probs, targets)
    where, weights, probs, targets = whole_pool(axis_name, where, weights, probs, targets)
    beta = checks.scalar("beta", beta, probs.dtype, above=0)
    value_checks.ensure_probabilities(probs=probs, targets=targets)
    mass, present = relative_mass(where, weights, probs)
    wrong = pool_sum(probs * (1 - targets) + beta * beta * ((1 - probs) * targets), mass)
    right = pool_sum((1 + beta * beta) * (probs * targets), mass)
    legal = jnp.all((probs >= 0) & (probs <= 1) & (targets >= 0) & (targets <= 1), axis=-1)
    return reduce(poison(_share(wrong, right), legal), where=present, reduction=reduction)


def pairwise_auc_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    margin: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Pairwise AUC loss: squared hinge of the score differences of all (positive, negative) pairs.

    .. math:: \ell = \frac{\sum_{i: y_i = 1} \sum_{j: y_j = 0} w_i w_j \max(0, m - (s_i - s_j))^2}
              {\sum_{i: y_i = 1} \sum_{j: y_j = 0} w_i w_j}

    One minus the area under the ROC curve is the mean of the step :math:`[s_i < s_j]` over the same pairs, ties
    counting one half; the squared hinge replaces the step, and lies above it for ``margin`` >= 1. The last axis
    is pooled, so ``where`` and ``weights`` belong to its entries, and the weight of a pair is the product of
    its two. Time grows with the square of N, memory with the size of a chunk. For low rates of false positives see
    `jaxloss.partial_auc_loss`, and for batches with few positives `jaxloss.auc_margin_loss`.

    Args:
        scores: Shape ``[..., N]``, floating; greater means more positive.
        targets: Shape ``[..., N]``, floating or integer, 0 or 1; never broadcast.
        margin: Score difference from which a pair costs nothing; > 0.
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
        ValueError: If the shapes differ, an axis is missing, or ``margin`` is out of range; or if every pool has one
            entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.pairwise_auc_loss(jnp.array([2.0, 0.5, 0.0]), jnp.array([1, 1, 0]))
        Array(0.125, dtype=float32)

    Reference:
        Gao and Zhou (2015), On the Consistency of AUC Pairwise Optimization. https://arxiv.org/abs/1208.0645
        Yan, Dodier, Mozer and Wolniewicz (2003), Optimizing Classifier Performance via an Approximation to the
        Wilcoxon-Mann-Whitney Statistic. https://cdn.aaai.org/ICML/2003/ICML03-110.pdf
    """
    scores, targets = checks.values(scores=scores, targets=checks.marks(targets))
    checks.with_pool("entries", scores=scores)
    scores, targets = blank(where, scores, targets)
    where, weights, scores, targets = whole_pool(axis_name, where, weights, scores, targets)
    margin = checks.scalar("margin", margin, scores.dtype, above=0)
    positive, negative = targets == 1, targets == 0
    value_checks.ensure(lambda: positive | negative, "targets must be 0 or 1")
    legal = jnp.all(positive | negative, axis=-1)
    scores = poison(scores, jnp.broadcast_to(legal[..., None], scores.shape))
    mass, _ = relative_mass(where, weights, scores)
    keep = True if where is None else checks.mask(where, scores.shape)
    positive, negative = positive & keep, negative & keep
    firsts, seconds = (_mass_of(members, mass, scores.dtype) for members in (positive, negative))
    # What is in no pair gets a score at which it costs at most the margin: no overflow meets its mass of 0.
    fixed = jax.lax.stop_gradient(scores)
    upper = jnp.where(positive, scores, jnp.max(fixed, axis=-1, keepdims=True, initial=-jnp.inf))
    lower = jnp.where(negative, scores, jnp.min(fixed, axis=-1, keepdims=True, initial=jnp.inf))

    def of_rows(rows: Array, _: Array) -> Array:
        lead = rows[..., :, None] - lower[..., None, :]
        return weighted_sums(_squared_hinge(margin - lead), seconds[..., None, :], -1)[0]

    # Rows of this device against the columns of all.
    rows = own_rows(axis_name, upper)
    values = by_rows(of_rows, chunk_rows(chunk_size, rows.shape[-1], scores.size), rows, scores.ndim - 1)
    total, here = summed(axis_name, weighted_sums(values, own_rows(axis_name, firsts), -1))
    pairs = here * weighted_sums(scores, seconds, -1)[1]
    values = divide_sums(total, pairs) + jnp.sum(trace_of_nan(scores), axis=-1)
    return reduce(poison(values, legal), where=(pairs != 0) | ~legal, reduction=reduction)


def _share(part: Array, rest: Array) -> Array:
    """``part / (part + rest)``, 0 over nothing; scaled, so that no square of a tiny total enters its slope."""
    total = part + rest
    scale = jnp.where(total > 0, jax.lax.stop_gradient(total), jnp.ones((), total.dtype))
    return divide(part / scale, total / scale)


@jax.custom_jvp
def _squared_hinge(x: Array) -> Array:
    return jnp.square(jnp.maximum(x, 0))


# Without a selection, for which XLA on CPU would store all pairs.
_squared_hinge.defjvps(lambda tangent, _, x: 2 * jnp.maximum(x, 0) * tangent)


def _mass_of(members: Array, mass: Array | None, dtype: Any) -> Array:
    """The mass of the entries that are ``members``, 0 for the others."""
    own = members if mass is None else jnp.where(members, mass, jnp.zeros((), mass.dtype))
    return own.astype(dtype)
