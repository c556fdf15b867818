"""The Kullback-Leibler divergence of two discrete distributions."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["kl_divergence", "kl_divergence_with_log_targets"]


def ensure_normalised(**log_probs: Array) -> None:
    """Under `checked`: each row of log-probabilities sums to one."""
    for name, array in log_probs.items():
        value_checks.ensure(
            lambda a=array: jnp.abs(jnp.sum(jnp.exp(a), axis=-1) - 1) <= 1e-2,
            f"exp({name}) must sum to 1 over the last axis; apply jax.nn.log_softmax to logits",
        )


def _relative_entropy(probs: Array, log_probs: Array, log_predictions: Array) -> Array:
    """The sum of ``p (log p - log q)``; an entry with ``p = 0`` is absent unless its ``log q`` is NaN or inf."""
    absent = (probs == 0) & (log_predictions < jnp.inf)
    zero = jnp.zeros((), probs.dtype)
    ratio = jnp.where(absent, zero, log_probs) - jnp.where(absent, zero, log_predictions)
    return jnp.sum(jnp.where(absent, zero, probs) * ratio, axis=-1)


def kl_divergence(
    log_predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Divergence of the predicted distribution :math:`q` from the target distribution :math:`p`: KL(p || q).

    .. math:: \ell = \mathrm{KL}(p \,\|\, q) = \sum_k p_k (\log p_k - \log q_k)

    The target leads: the expectation is over ``targets``, and a prediction is punished for missing what the
    target has. The prediction comes as log-probabilities, from ``jax.nn.log_softmax``. The sum is over the last
    axis and the mean over examples (PyTorch's ``"batchmean"``; its ``"mean"`` also divides by K).

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        targets: Probabilities :math:`p`, shape ``[..., K]``, the same; floating or integer; never broadcast. An
            entry with :math:`p_k = 0` is absent, whatever :math:`\log q_k`: no value, no gradient in either
            argument (the exact slope in :math:`p_k` is -inf).
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats. For normalised inputs >= 0 up to rounding, and 0 where they are equal up to rounding;
        +inf if :math:`q_k = 0` where :math:`p_k > 0`.

    Raises:
        TypeError: If ``log_predictions`` are not floating.
        ValueError: If the shapes differ, or there is no last axis.

    Example:
        >>> log_predictions = jnp.log(jnp.array([0.5, 0.5, 0.0]))
        >>> jaxloss.kl_divergence(log_predictions, jnp.array([1.0, 0.0, 0.0]))
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    log_predictions, targets = checks.scores_and_targets(log_predictions=log_predictions, targets=targets)
    log_predictions, targets = promote(log_predictions, targets)
    classes = targets.shape[-1]
    log_predictions = hide(where, log_predictions, event_ndim=1, fill=-math.log(classes))
    targets = hide(where, targets, event_ndim=1, fill=1 / classes)
    ensure_normalised(log_predictions=log_predictions)
    value_checks.ensure_probabilities(targets=targets, sum_to_one=True)
    log_targets = jnp.log(jnp.where(targets == 0, jnp.ones((), targets.dtype), targets))
    values = _relative_entropy(targets, log_targets, log_predictions)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def kl_divergence_with_log_targets(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Divergence of the predicted from the target distribution, KL(p || q), both given by log-probabilities.

    .. math:: \ell = \mathrm{KL}(p \,\|\, q) = \sum_k e^{\log p_k} (\log p_k - \log q_k)

    The same as `kl_divergence` at ``exp(log_targets)``, with exact logarithms of small targets. The target leads:
    the expectation is over ``log_targets``.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed. An
            entry whose probability is 0 in the working precision is absent, whatever :math:`\log q_k`: no value,
            no gradient.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats. For normalised inputs >= 0 up to rounding, and exactly 0 where they are equal; +inf if
        :math:`q_k = 0` where :math:`p_k > 0`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or there is no last axis.

    Example:
        >>> log_predictions = jax.nn.log_softmax(jnp.array([0.0, 0.0, -jnp.inf]))
        >>> log_targets = jax.nn.log_softmax(jnp.array([0.0, -jnp.inf, -jnp.inf]))
        >>> jaxloss.kl_divergence_with_log_targets(log_predictions, log_targets)
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    log_predictions, log_targets = checks.floating(log_predictions=log_predictions, log_targets=log_targets)
    checks.with_axes("classes", log_predictions=log_predictions)
    checks.same_shape(log_predictions=log_predictions, log_targets=log_targets)
    log_predictions, log_targets = promote(log_predictions, log_targets)
    uniform = -math.log(log_targets.shape[-1])
    log_predictions = hide(where, log_predictions, event_ndim=1, fill=uniform)
    log_targets = hide(where, log_targets, event_ndim=1, fill=uniform)
    ensure_normalised(log_predictions=log_predictions, log_targets=log_targets)
    values = _relative_entropy(jnp.exp(log_targets), log_targets, log_predictions)
    return reduce(values, where=where, weights=weights, reduction=reduction)
