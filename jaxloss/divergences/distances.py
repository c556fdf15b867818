"""Symmetric distances of discrete distributions: Jensen-Shannon, total variation, Hellinger, Bhattacharyya."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.divergences._distributions import legal_log_probs, legal_probs, log_distributions

__all__ = [
    "bhattacharyya_distance",
    "jensen_shannon_divergence",
    "squared_hellinger_distance",
    "total_variation_distance",
]

_FAR = 20.0
"""Log-ratio beyond which the roots of two probabilities do not cancel in their difference."""


_APART = 1e30
"""In the place of an infinite log-ratio: a share is 0 there in every precision, but not times infinity."""


@jax.custom_jvp
def _divergence_of_shares(ratio: Array) -> Array:
    """``log 2`` minus the entropy of ``(s, 1 - s)``, s the sigmoid of ``ratio``; accurate from 0 to ``log 2``."""
    distance = jnp.abs(ratio)
    tangent, rest = jnp.tanh(0.5 * distance), jnp.exp(-distance)
    near = distance < 2
    safe = jnp.where(near, tangent, jnp.zeros((), ratio.dtype))
    close = 0.5 * (jnp.log1p(-jnp.square(safe)) + safe * distance)
    return jnp.where(near, close, math.log(2.0) - jnp.log1p(rest) - distance * rest / (1 + rest))


_divergence_of_shares.defjvps(lambda tangent, _, x: tangent * x * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x))


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
    log_q, log_p = promote(*(hide(keep, x, event_ndim=1, fill=-math.log(x.shape[-1])) for x in (log_q, log_p)))
    absent = jnp.isneginf(log_q) & jnp.isneginf(log_p)
    zero = jnp.zeros((), log_q.dtype)
    ratio = jnp.clip(jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p), -_APART, _APART)
    mixture = 0.5 * (jnp.exp(log_q) + jnp.exp(log_p))
    values = jnp.sum(mixture * _divergence_of_shares(ratio), axis=-1)
    values = numerics.poison(values, legal_log_probs(log_q, log_p))
    return reduce(values, where=where, weights=weights, reduction=reduction)


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
    probs, targets = promote(probs, targets)
    even = 1 / probs.shape[-1]
    probs, targets = hide(where, probs, event_ndim=1, fill=even), hide(where, targets, event_ndim=1, fill=even)
    value_checks.ensure_probabilities(probs=probs, targets=targets, sum_to_one=True)
    values = 0.5 * jnp.sum(numerics.magnitude(numerics.difference(probs, targets)), axis=-1)
    values = numerics.poison(values, legal_probs(probs, targets))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _squared_hellinger(log_q: Array, log_p: Array) -> Array:
    """Half the squared difference of the roots of two probabilities, summed; accurate where they are near."""
    zero = jnp.zeros((), log_q.dtype)
    absent = jnp.isneginf(log_q) & jnp.isneginf(log_p)
    gap = 0.5 * (jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p))
    near = jnp.abs(gap) < _FAR
    root_q, root_p = jnp.exp(0.5 * log_q), jnp.exp(0.5 * log_p)
    roots = jnp.where(near, root_p * jnp.expm1(jnp.where(near, gap, zero)), root_q - root_p)
    return 0.5 * jnp.sum(jnp.square(roots), axis=-1)


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
    log_q, log_p = promote(*(hide(keep, x, event_ndim=1, fill=-math.log(x.shape[-1])) for x in (log_q, log_p)))
    values = numerics.poison(_squared_hellinger(log_q, log_p), legal_log_probs(log_q, log_p))
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
    log_q, log_p = promote(*(hide(keep, x, event_ndim=1, fill=-math.log(x.shape[-1])) for x in (log_q, log_p)))
    values = numerics.poison(-jnp.log1p(-_squared_hellinger(log_q, log_p)), legal_log_probs(log_q, log_p))
    return reduce(values, where=where, weights=weights, reduction=reduction)
