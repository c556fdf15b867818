"""Divergences of discrete distributions that are never negative: reversed, symmetric, unnormalised, from logits."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.entropies import relative_entropy
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.divergences.relative_entropy import ensure_normalised

__all__ = [
    "generalized_kl_divergence",
    "jensen_shannon_divergence",
    "kl_divergence_from_logits",
    "reverse_kl_divergence",
]


def log_distributions(where: ArrayLike | None, **arrays: ArrayLike) -> tuple[Array, Array]:
    """Two floating arrays ``[..., K]`` of one shape, promoted, uniform where masked."""
    first, second = checks.floating(**arrays)
    named = dict(zip(arrays, (first, second), strict=True))
    checks.with_axes("classes", allow_empty=False, **named)
    checks.same_shape(**named)
    uniform = -math.log(first.shape[-1])
    first, second = (hide(where, array, event_ndim=1, fill=uniform) for array in promote(first, second))
    return first, second


def reverse_kl_divergence(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Divergence of the target distribution :math:`p` from the predicted one :math:`q`: KL(q || p).

    .. math:: \ell = \mathrm{KL}(q \,\|\, p) = \sum_k q_k (\log q_k - \log p_k) - q_k + p_k

    The prediction leads: the expectation is over the predicted distribution, which is punished for having what the
    target lacks and settles on a mode. `kl_divergence_with_log_targets` has the other direction. The last two terms
    vanish for normalised inputs; they make every term >= 0 and keep small divergences accurate.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed. An entry
            whose probability is 0 has no gradient.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient; +inf if :math:`p_k = 0` where
        :math:`q_k > 0`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or there is no last axis.

    Example:
        >>> log_predictions = jnp.log(jnp.array([1.0, 0.0]))
        >>> jaxloss.reverse_kl_divergence(log_predictions, jnp.log(jnp.array([0.5, 0.5])))
        Array(0.6931472, dtype=float32)

    Reference:
        Minka (2005), Divergence Measures and Message Passing.
        https://www.microsoft.com/en-us/research/publication/divergence-measures-and-message-passing/
    """
    log_q, log_p = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    ensure_normalised(log_predictions=log_q, log_targets=log_p)
    values = jnp.sum(relative_entropy(jnp.exp(log_q), log_q, log_p), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def kl_divergence_from_logits(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Divergence KL(p || q) of the softmax :math:`q` of logits from the softmax :math:`p` of target logits.

    .. math:: \ell = \sum_k p_k (\log p_k - \log q_k), \qquad
              q = \operatorname{softmax}(z), \quad p = \operatorname{softmax}(t)

    The target leads, as in `kl_divergence`. There is no temperature: divide both logits by it, and multiply by its
    square to keep the size of the gradient.

    Args:
        logits: Scores :math:`z` of the prediction, shape ``[..., K]``, floating; -inf for a class that is absent.
        target_logits: Scores :math:`t` of the target, shape ``[..., K]``, the same; floating; -inf is allowed.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the logits are equal, with zero gradient; +inf if a class is absent
        from the prediction alone.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or there is no last axis.

    Example:
        >>> jaxloss.kl_divergence_from_logits(jnp.array([0.0, 0.0]), jnp.array([0.0, -jnp.inf]))
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    logits, target_logits = log_distributions(where, logits=logits, target_logits=target_logits)
    log_q, log_p = jax.nn.log_softmax(logits), jax.nn.log_softmax(target_logits)
    values = jnp.sum(relative_entropy(jnp.exp(log_p), log_p, log_q), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def generalized_kl_divergence(
    log_predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence of unnormalised distributions: the I-divergence, of counts or intensities.

    .. math:: \ell = \sum_k p_k (\log p_k - \log q_k) - p_k + q_k

    The Bregman divergence of :math:`x \log x`, with `kl_divergence` as the case of equal sums. Unlike it this one
    also punishes a wrong total, and is convex in ``log_predictions`` without a softmax.

    Args:
        log_predictions: Logarithms :math:`\log q` of the predicted masses, shape ``[..., K]``, floating; -inf is
            allowed.
        targets: Masses :math:`p \ge 0`, shape ``[..., K]``, the same; floating or integer; never broadcast. Where
            one is 0 there is no gradient in it (the exact slope is -inf).
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 where the masses are equal, up to the rounding of their logarithms; +inf if
        :math:`q_k = 0` where :math:`p_k > 0`. A negative target gives NaN.

    Raises:
        TypeError: If ``log_predictions`` are not floating.
        ValueError: If the shapes differ, or there is no last axis.

    Example:
        >>> jaxloss.generalized_kl_divergence(jnp.zeros(3), jnp.array([1.0, 2.0, 0.0]))
        Array(1.3862944, dtype=float32)

    Reference:
        Bregman (1967), The Relaxation Method of Finding the Common Point of Convex Sets.
        https://doi.org/10.1016/0041-5553(67)90040-7
    """
    log_q, p = checks.scores_and_targets(log_predictions=log_predictions, targets=targets)
    log_q, p = promote(log_q, p)
    log_q, p = hide(where, log_q, event_ndim=1), hide(where, p, event_ndim=1, fill=1)
    log_p = jnp.log(jnp.where(p == 0, jnp.ones((), p.dtype), p))
    values = jnp.sum(relative_entropy(p, log_p, log_q), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


_APART = 1e30
"""In the place of an infinite log-ratio: a share is 0 there in every precision, but not times infinity."""


@jax.custom_jvp
def _divergence_of_shares(ratio: Array) -> Array:
    """``log 2`` less the entropy of ``(s, 1 - s)``, s the sigmoid of ``ratio``; accurate from 0 to ``log 2``."""
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
    r"""Mean divergence of two distributions from their mixture: symmetric, and bounded also where they are disjoint.

    .. math:: \ell = \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m), \qquad m = \tfrac12 (p + q)

    Its square root is a metric (SciPy's ``jensenshannon``). Both arguments are log-probabilities: in probabilities
    the slope at 0 is infinite.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, log 2], in nats; 0 exactly where the two are equal, with zero gradient; log 2 where no class
        has probability in both.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or there is no last axis.

    Example:
        >>> log_predictions, log_targets = jnp.log(jnp.array([[1.0, 0.0], [0.0, 1.0]]))
        >>> jaxloss.jensen_shannon_divergence(log_predictions, log_targets)
        Array(0.6931472, dtype=float32)

    Reference:
        Lin (1991), Divergence Measures Based on the Shannon Entropy.
        https://doi.org/10.1109/18.61115
    """
    log_q, log_p = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    ensure_normalised(log_predictions=log_q, log_targets=log_p)
    absent = jnp.isneginf(log_q) & jnp.isneginf(log_p)
    zero = jnp.zeros((), log_q.dtype)
    ratio = jnp.clip(jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p), -_APART, _APART)
    mixture = 0.5 * (jnp.exp(log_q) + jnp.exp(log_p))
    values = jnp.sum(mixture * _divergence_of_shares(ratio), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
