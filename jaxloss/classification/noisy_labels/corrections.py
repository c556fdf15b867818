"""Cross-entropies corrected for label noise whose transition probabilities are known."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import below_largest
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["backward_correction_loss", "forward_correction_loss"]


def _with_transition(
    logits: ArrayLike, labels: ArrayLike, transition: ArrayLike, where: ArrayLike | None
) -> tuple[Array, Array, Array, Array]:
    """Blanked logits, labels inside the range, the transition matrix, and which examples are legal."""
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (transition,) = checks.numeric(transition=transition)
    num_classes = logits.shape[-1]
    checks.has_shape((num_classes, num_classes), "[true class, observed class]", transition=transition)
    logits, transition = promote(*blank(where, logits, event_ndim=1), transition)
    value_checks.ensure_probabilities(sum_to_one=True, transition=transition)
    labels = hide(where, labels)
    value_checks.ensure_labels(labels, num_classes)
    inside = jnp.clip(labels, 0, num_classes - 1)
    return logits, inside, transition, (inside == labels) & jnp.all((transition >= 0) & (transition <= 1))


def forward_correction_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    transition: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Forward correction for label noise: cross-entropy of noisy labels under predictions times the noise matrix.

    With :math:`p = \mathrm{softmax}(z)` for the true classes:

    .. math:: \ell = -\log \sum_i p_i T_{iy}, \qquad T_{ij} = P(\text{observed } j \mid \text{true } i)

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised, of the true classes. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer observed class indices in ``[0, K)``; outside gives NaN in value and gradient.
        transition: Shape ``[K, K]``, the same for every example; rows are distributions of the observed class. An
            entry outside [0, 1] gives NaN. The identity gives cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; +inf if the label cannot be observed from any class that is present.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or ``transition`` is not square
            with one row per class.

    Example:
        >>> noise = jnp.array([[0.9, 0.1], [0.2, 0.8]])
        >>> print(f"{jaxloss.forward_correction_loss(jnp.array([[2.0, 0.0]]), jnp.array([0]), noise):.6f}")
        0.202657

    Reference:
        Patrini et al. (2017), Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach.
        https://arxiv.org/abs/1609.03683
    """
    logits, labels, transition, valid = _with_transition(logits, labels, transition, where)
    values = numerics.poison(_negative_log_mixture(logits, transition.T[labels]), valid)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _negative_log_mixture(logits: Array, likelihood: Array) -> Array:
    """``-log sum_i softmax(z)_i L_i`` for ``0 <= L <= 1``, without underflow and accurate relative to its size.

    Below log 2 it is ``-log1p(-sum_i p_i (1 - L_i))``; above, the difference of two sums of exponentials, each
    relative to its own largest term, so that a likelihood of 0 has a finite slope.
    """
    below, _ = below_largest(logits)
    support = jnp.where(likelihood == 0, jnp.asarray(-jnp.inf, logits.dtype), below)
    own_peak = jnp.max(jax.lax.stop_gradient(support), axis=-1)
    own_peak = jnp.where(jnp.isneginf(own_peak), jnp.zeros((), own_peak.dtype), own_peak)
    share = jnp.exp(below)
    total = jnp.sum(share, axis=-1)
    miss = jnp.sum(share * (1 - likelihood), axis=-1) / total
    near = miss < 0.5
    close = -jnp.log1p(-jnp.where(near, miss, jnp.zeros((), miss.dtype)))
    ceiling = 0.9 * math.log(float(jnp.finfo(logits.dtype).max))
    capped = jnp.minimum(below - own_peak[..., None], ceiling) + numerics.trace_of_nan(below)
    hit = jnp.sum(jnp.exp(capped) * likelihood, axis=-1)
    never = hit == 0
    log_hit = jnp.where(never, -jnp.inf, jnp.log(jnp.where(never | near, jnp.ones((), hit.dtype), hit)))
    return jnp.where(near, close, (jnp.log(total) - log_hit) - own_peak)


def backward_correction_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    transition: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Backward correction for label noise: an unbiased estimate of the cross-entropy of clean labels.

    .. math:: \ell = -\sum_j (T^{-1})_{yj} \log p_j, \qquad T_{ij} = P(\text{observed } j \mid \text{true } i)

    Unbiased, but of large variance if the noise is strong: where that matters
    `jaxloss.forward_correction_loss` usually trains better.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised, of the true classes.
        labels: Shape ``[...]``, integer observed class indices in ``[0, K)``; outside gives NaN in value and gradient.
        transition: Shape ``[K, K]``, the same for every example, invertible; rows are distributions of the observed
            class. An entry outside [0, 1] gives NaN. The identity gives cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, unbounded below: single examples are negative where the prediction contradicts the label.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or ``transition`` is not square
            with one row per class.

    Example:
        >>> noise = jnp.array([[0.75, 0.25], [0.25, 0.75]])
        >>> print(f"{jaxloss.backward_correction_loss(jnp.array([[2.0, 0.0]]), jnp.array([0]), noise):.6f}")
        -0.873072

    Reference:
        Patrini et al. (2017), Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach.
        https://arxiv.org/abs/1609.03683
    """
    logits, labels, transition, valid = _with_transition(logits, labels, transition, where)
    mixture = jnp.linalg.inv(transition)[labels]
    gaps = jnp.take_along_axis(logits, labels[..., None], axis=-1, mode="promise_in_bounds") - logits
    gaps = jnp.where(jnp.isinf(gaps) & (mixture == 0), jnp.zeros((), gaps.dtype), gaps)
    # -log p_j = -log p_y + z_y - z_j: one cross-entropy, and exactly that if T is the identity.
    nll = softmax_cross_entropy_with_integer_labels(logits, labels, reduction="none")
    values = jnp.sum(mixture, axis=-1) * nll + jnp.sum(mixture * gaps, axis=-1)
    values = numerics.poison(values, valid)
    return reduce(values, where=where, weights=weights, reduction=reduction)
