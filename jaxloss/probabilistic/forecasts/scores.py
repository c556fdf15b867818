"""Proper scoring rules for probabilities of events and classes, for intervals and for vectors."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths.numerics import difference, norm, poison, positive_part
from jaxloss._floor.maths.separate import as_one_loop, separate
from jaxloss._floor.reduction import blank, hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["brier_score", "energy_score", "interval_score", "multiclass_brier_score", "ranked_probability_score"]


def brier_score(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Brier score: squared difference between the probability of an event and its outcome.

    .. math:: \ell = (p - y)^2

    Of two classes this is half of `multiclass_brier_score`.

    Args:
        probs: Shape ``[...]``, floating, probabilities of the event, in [0, 1]; outside gives NaN.
        targets: Shape ``[...]``, the same; 1 if it happened, 0 if not, or a probability; floating or integer; outside
            [0, 1] gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect prediction.

    Raises:
        TypeError: If ``probs`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.brier_score(jnp.array([0.5, 1.0]), jnp.array([1, 1]), reduction="none")
        Array([0.25, 0.  ], dtype=float32)

    Reference:
        Brier (1950), Verification of Forecasts Expressed in Terms of Probability.
        https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2
    """
    probs, targets = checks.values(probs=probs, targets=checks.marks(targets))
    probs, targets = blank(where, probs, targets)
    value_checks.ensure_probabilities(probs=probs, targets=targets)
    valid = (probs >= 0) & (probs <= 1) & (targets >= 0) & (targets <= 1)
    values = value_checks.within_domain(jnp.square(probs - targets), valid, "probs and targets must lie in [0, 1]")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _probs_and_outcomes(where: ArrayLike | None, probs: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Array]:
    """The probabilities, the label as a distribution beside them, and where both are legal."""
    probs, labels = checks.scores_and_labels(probs=probs, labels=labels)
    num_classes = probs.shape[-1]
    (probs,) = promote(hide(where, probs, event_ndim=1, fill=1 / num_classes))
    labels = hide(where, labels)
    value_checks.ensure_labels(labels, num_classes)
    value_checks.ensure_probabilities(probs=probs, sum_to_one=True)
    classes = jnp.broadcast_to(jnp.arange(num_classes, dtype=labels.dtype), probs.shape)
    valid = (labels >= 0) & (labels < num_classes) & jnp.all((probs >= 0) & (probs <= 1), axis=-1)
    return probs, (classes == labels[..., None]).astype(probs.dtype), valid


def multiclass_brier_score(
    probs: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Brier score of several classes: squared distance between probabilities and the one-hot outcome.

    .. math:: \ell = \sum_k (p_k - [k = y])^2

    Brier's own definition, a sum over the classes: of two classes it is twice `brier_score`. Packages that
    halve it, average over the classes, or leave out the constant 1 give other numbers.

    Args:
        probs: Shape ``[..., K]``, floating, probabilities that sum to 1 over the last axis; not logits. One outside
            [0, 1] gives NaN.
        labels: Shape ``[...]``, integer, in [0, K), NaN otherwise.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar in [0, 2]; 0 exactly if all probability is on the class that came.

    Raises:
        TypeError: If ``probs`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or K is 0.

    Example:
        >>> jaxloss.multiclass_brier_score(jnp.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]), jnp.array([0, 2]))
        Array(0.25, dtype=float32)

    Reference:
        Brier (1950), Verification of Forecasts Expressed in Terms of Probability.
        https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2
    """
    probs, outcomes, valid = _probs_and_outcomes(where, probs, labels)
    values = poison(jnp.sum(jnp.square(probs - outcomes), axis=-1), valid)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ranked_probability_score(
    probs: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Ranked probability score (RPS): squared distance between cumulative probabilities of ordered classes.

    .. math:: \ell = \sum_k \Big( \sum_{j \le k} p_j - [y \le k] \Big)^2

    Not divided by the K - 1 thresholds, as some packages do.

    Args:
        probs: Shape ``[..., K]``, floating, probabilities of classes in their order, that sum to 1; not logits. One
            outside [0, 1] gives NaN.
        labels: Shape ``[...]``, integer, in [0, K), NaN otherwise.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar in [0, K - 1]; 0 exactly if all probability is on the class that came.

    Raises:
        TypeError: If ``probs`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or K is 0.

    Example:
        >>> jaxloss.ranked_probability_score(jnp.array([0.0, 0.5, 0.5]), jnp.array(0))
        Array(1.25, dtype=float32)

    Reference:
        Epstein (1969), A Scoring System for Probability Forecasts of Ranked Categories.
        https://doi.org/10.1175/1520-0450(1969)008%3C0985:ASSFPF%3E2.0.CO;2
    """
    probs, outcomes, valid = _probs_and_outcomes(where, probs, labels)
    # Summed as differences: past the label a small rest of probability is not lost beside 1.
    values = poison(jnp.sum(jnp.square(jnp.cumsum(probs - outcomes, axis=-1)), axis=-1), valid)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def interval_score(
    lower: ArrayLike,
    upper: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Interval (Winkler) score: width of a prediction interval plus a penalty for targets outside it.

    .. math:: \ell = (u - l) + \frac2\alpha \max(l - y, 0) + \frac2\alpha \max(y - u, 0)

    Its minimum in expectation has the quantiles at :math:`\alpha / 2` and :math:`1 - \alpha / 2` as bounds:
    it is :math:`2 / \alpha` times the sum of their pinball losses.

    Args:
        lower: Shape ``[...]``, floating, the lower bounds :math:`l`.
        upper: Shape ``[...]``, the same; the upper bounds :math:`u`; bounds that cross are penalised, too.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        alpha: Probability outside the interval, in (0, 1): 0.1 for an interval of 90 %.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if both bounds equal the target, with zero gradient.

    Raises:
        TypeError: If ``lower`` is not floating.
        ValueError: If the shapes differ, or ``alpha`` is outside (0, 1).

    Example:
        >>> lower, upper = jnp.array([0.0, 0.0]), jnp.array([2.0, 2.0])
        >>> jaxloss.interval_score(lower, upper, jnp.array([1.0, 3.0]), alpha=0.5, reduction="none")
        Array([2., 6.], dtype=float32)

    Reference:
        Winkler (1972), A Decision-Theoretic Approach to Interval Estimation.
        https://doi.org/10.1080/01621459.1972.10481224
    """
    lower, upper, targets = checks.values(lower=lower, upper=upper, targets=targets)
    lower, upper, targets = blank(where, lower, upper, targets)
    alpha = checks.scalar("alpha", alpha, lower.dtype, above=0, below=1)
    values = _interval(lower, upper, targets, jnp.asarray(alpha, lower.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _interval(lower: Array, upper: Array, targets: Array, alpha: Array) -> Array:
    inside = positive_part(targets - lower) + positive_part(upper - targets)
    outside = positive_part(lower - targets) + positive_part(targets - upper)
    return as_one_loop(inside + (2 / alpha - 1) * outside)


def energy_score(
    members: ArrayLike,
    targets: ArrayLike,
    *,
    chunk_size: int | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Energy score of an ensemble of vectors: `ensemble_crps` in several dimensions.

    .. math:: \ell = \frac1M \sum_i \lVert x_i - y \rVert - \frac{1}{2 M^2} \sum_{i, j} \lVert x_i - x_j \rVert

    The score of the ensemble as it is (``nrg`` in scoringrules), which as an estimate for the distribution
    behind the members is biased. Every pair of members is compared.

    Args:
        members: Shape ``[..., M, D]``, floating.
        targets: Shape ``[..., D]``, floating or integer.
        chunk_size: Number of rows per chunk, >= 1, static: so many members at a time are compared with all, and memory
            grows with ``chunk_size * M * D``. A chunk is computed again for the gradient; the numbers are the same,
            rounding apart. None: all at once while they are few.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if all members hit the target. The gradient is finite
        where members coincide with the target or with one another.

    Raises:
        TypeError: If ``members`` are not floating.
        ValueError: If the shapes do not match, or M or D is 0.

    Example:
        >>> jaxloss.energy_score(jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.zeros(2))
        Array(1.25, dtype=float32)

    Reference:
        Gneiting and Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
        https://doi.org/10.1198/016214506000001437
    """
    (members,) = checks.floating(members=members)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("members dimensions", members=members)
    checks.has_shape(members.shape[:-2] + members.shape[-1:], "members without the member axis", targets=targets)
    members, targets = promote(hide(where, members, event_ndim=2), hide(where, targets, event_ndim=1))
    error = plain_mean(norm(difference(members, targets[..., None, :])), -1)

    def distances(some: Array, _: Array) -> Array:
        return plain_mean(norm(difference(some[..., :, None, :], members[..., None, :, :])), -1)

    number, size = members.shape[-2], math.prod(members.shape[:-2]) * members.shape[-1]
    chunk = chunk_rows(chunk_size, number, number * size)
    spread = plain_mean(by_rows(distances, chunk, members, members.ndim - 2), -1)
    return reduce(error - 0.5 * spread, where=where, weights=weights, reduction=reduction)
