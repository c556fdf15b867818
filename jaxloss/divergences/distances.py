"""Symmetric distances of discrete distributions: Jensen-Shannon, total variation, Hellinger, Bhattacharyya."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.entropies import shown, used_once
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import difference, magnitude, near_excess
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.maths.softmax.terms import mask_of_rows
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.divergences._distributions import (
    ROUNDING,
    legal_log_probs,
    log_distributions,
    raised_if_whole,
    uniform_unless,
    with_lost_rows,
)

__all__ = [
    "bhattacharyya_distance",
    "jensen_shannon_divergence",
    "squared_hellinger_distance",
    "total_variation_distance",
]

_APART = 1e30
"""In the place of an infinite log-ratio: a share is 0 there in every precision, but not times infinity."""


@jax.custom_jvp
def _divergence_of_shares(ratio: Array) -> Array:
    """``log 2`` minus the entropy of ``(s, 1 - s)``, s the sigmoid of ``ratio``; accurate from 0 to ``log 2``."""
    distance = jnp.abs(ratio)
    tangent, rest = jnp.tanh(0.5 * distance), jnp.exp(-distance)
    near = distance < 1.75  # where the square of the tangent is at most 1 / 2
    safe = jnp.where(near, tangent, jnp.zeros((), ratio.dtype))
    close = 0.5 * (log1p_near(-jnp.square(safe)) + safe * distance)
    return jnp.where(near, close, math.log(2.0) - log1p_near(rest) - distance * rest / (1 + rest))


_divergence_of_shares.defjvps(lambda tangent, _, x: tangent * x * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x))


@separate
def _jensen_shannon(log_q: Array, log_p: Array) -> Array:
    absent = jnp.isneginf(log_q) & jnp.isneginf(log_p)
    zero = jnp.zeros((), log_q.dtype)
    ratio = jnp.clip(jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p), -_APART, _APART)
    mixture = 0.5 * (jnp.exp(log_q) + jnp.exp(log_p))
    # A selection last: XLA on CPU makes one loop of what is in front of it.
    return jnp.where(absent, zero, mixture * _divergence_of_shares(ratio))


def jensen_shannon_divergence(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Jensen-Shannon divergence: mean Kullback-Leibler divergence from the mixture, symmetric and bounded.

    .. math:: \ell = \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m), \qquad m = \tfrac12 (p + q)

    Its square root is a metric (SciPy's ``jensenshannon``). Both arguments are log-probabilities: in probabilities
    the slope at 0 is infinite.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed.
            A row with an entry above 0, in either argument, gives NaN.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, log 2], in nats; 0 exactly where the two are equal, with zero gradient; log 2 where no class
        has probability in both.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> log_predictions, log_targets = jnp.log(jnp.array([[1.0, 0.0], [0.0, 1.0]]))
        >>> jaxloss.jensen_shannon_divergence(log_predictions, log_targets)
        Array(0.6931472, dtype=float32)

    Reference:
        Lin (1991), Divergence Measures Based on the Shannon Entropy.
        https://doi.org/10.1109/18.61115
    """
    log_q, log_p, keep = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    log_q, log_p = uniform_unless(keep, log_q, log_p)
    values = jnp.sum(_jensen_shannon(log_q, log_p), axis=-1)
    values = numerics.poison(values, legal_log_probs(log_q, log_p))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _total_variation_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    probs, targets = shown(primals[2], *apart_on_cpu(*primals[:2]))
    towards, towards_targets = shown(primals[2], *tangents[:2])
    one = jnp.ones((), probs.dtype)
    # A product in front leaves a residue in a difference and none in a comparison; NaN is neither above nor below.
    slope = jnp.where(probs > targets, one, jnp.where(probs < targets, -one, targets - probs))
    return _total_variation(*primals), jnp.sum(slope * (towards - towards_targets), axis=-1)


@with_rule(_total_variation_jvp)
def _total_variation(probs: Array, targets: Array, where: Array | None) -> Array:
    """The sum of ``|probs - targets|``; NaN for rows with a number outside [0, 1], up to rounding."""
    probs, targets = shown(where, probs, targets)
    lowest, highest = jnp.minimum(probs, targets), jnp.maximum(probs, targets)
    distance = magnitude(difference(probs, targets))
    return jnp.sum(jnp.where((lowest >= 0) & (highest <= 1 + ROUNDING), distance, jnp.nan), axis=-1)


def total_variation_distance(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Total variation distance: the largest difference in probability that two distributions give to one event.

    .. math:: \ell = \tfrac12 \sum_k | q_k - p_k |

    Args:
        probs: Predicted probabilities :math:`q`, shape ``[..., K]``, floating.
        targets: Probabilities :math:`p`, shape ``[..., K]``, the same; floating or integer; never broadcast. A
            row with an entry outside [0, 1], here or in ``probs``, gives NaN.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly where the two are equal, with zero gradient.

    Raises:
        TypeError: If ``probs`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.total_variation_distance(jnp.array([0.5, 0.5]), jnp.array([1, 0]))
        Array(0.5, dtype=float32)

    Reference:
        Tsybakov (2009), Introduction to Nonparametric Estimation, section 2.4.
        https://doi.org/10.1007/b13794
    """
    probs, targets = checks.scores_and_targets(probs=probs, targets=targets)
    keep, targets = mask_of_rows(where, probs), raised_if_whole(targets, probs)
    pair = (hide(keep, array, event_ndim=1, fill=1 / probs.shape[-1]) for array in (probs, targets))
    value_checks.ensure_probabilities(**dict(zip(("probs", "targets"), pair, strict=True)), sum_to_one=True)
    values = with_lost_rows(0.5 * _total_variation(probs, targets, keep))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _roots(log_q: Array, log_p: Array) -> tuple[Array, Array, Array]:
    """The roots of two probabilities and their difference, accurate where they are near."""
    root_q, root_p = jnp.exp(0.5 * log_q), jnp.exp(0.5 * log_p)
    absent = jnp.isneginf(log_q) & jnp.isneginf(log_p)
    near, small, excess = near_excess(jnp.where(absent, jnp.zeros((), log_q.dtype), 0.5 * (log_q - log_p)))
    return root_q, root_p, jnp.where(near, root_p * (small + excess), root_q - root_p)


def _squared_hellinger_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    log_q, log_p = uniform_unless(primals[2], *apart_on_cpu(*primals[:2]))
    root_q, root_p, roots = _roots(log_q, log_p)
    value = _squared_hellinger(*primals)
    towards_q, towards_p = (used_once(root_p, tangent) for tangent in shown(primals[2], *tangents[:2]))
    return value, 0.5 * jnp.sum(roots * root_q * towards_q - roots * root_p * towards_p, axis=-1)


@with_rule(_squared_hellinger_jvp)
def _squared_hellinger(log_q: Array, log_p: Array, where: Array | None) -> Array:
    """Half the squared difference of the roots of two probabilities, summed; NaN where one is above 1."""
    log_q, log_p = uniform_unless(where, log_q, log_p)
    squares = jnp.square(_roots(log_q, log_p)[2])
    return 0.5 * jnp.sum(jnp.where((log_q <= ROUNDING) & (log_p <= ROUNDING), squares, jnp.nan), axis=-1)


def squared_hellinger_distance(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared Hellinger distance: half the squared distance of the square roots of two distributions.

    .. math:: \ell = \tfrac12 \sum_k \left( \sqrt{q_k} - \sqrt{p_k} \right)^2 = 1 - \sum_k \sqrt{q_k p_k}

    Its square root is a metric. Both arguments are log-probabilities: in probabilities the slope at 0 is infinite.

    Args:
        log_predictions, log_targets: As in `jensen_shannon_divergence`.
        where, weights, reduction: As in `jensen_shannon_divergence`.

    Returns:
        A scalar in [0, 1]; 0 exactly where the two are equal, with zero gradient, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> log_predictions, log_targets = jnp.log(jnp.array([[1.0, 0.0], [0.0, 1.0]]))
        >>> jaxloss.squared_hellinger_distance(log_predictions, log_targets)
        Array(1., dtype=float32)

    Reference:
        Tsybakov (2009), Introduction to Nonparametric Estimation, section 2.4.
        https://doi.org/10.1007/b13794
    """
    log_q, log_p, keep = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    values = with_lost_rows(_squared_hellinger(log_q, log_p, keep))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def bhattacharyya_distance(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bhattacharyya distance: negative logarithm of the overlap of two distributions.

    .. math:: \ell = -\log \sum_k \sqrt{q_k p_k}

    Evaluated as :math:`-\log(1 - H^2)` of `squared_hellinger_distance`, which is the same for normalised inputs.

    Args:
        log_predictions, log_targets: As in `jensen_shannon_divergence`.
        where, weights, reduction: As in `jensen_shannon_divergence`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient; +inf where they are disjoint.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> log_predictions, log_targets = jnp.log(jnp.array([[1.0, 0.0], [0.25, 0.75]]))
        >>> jaxloss.bhattacharyya_distance(log_predictions, log_targets)
        Array(0.6931472, dtype=float32)

    Reference:
        Bhattacharyya (1946), On a Measure of Divergence between Two Multinomial Populations.
        https://www.jstor.org/stable/25047882
    """
    log_q, log_p, keep = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    values = with_lost_rows(-jnp.log1p(-_squared_hellinger(log_q, log_p, keep)))
    return reduce(values, where=where, weights=weights, reduction=reduction)
