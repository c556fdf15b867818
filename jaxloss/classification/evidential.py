"""Evidential classification: a Dirichlet distribution over class probabilities, learned from single labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification._dirichlet import divergence_from_uniform

__all__ = ["evidential_classification_loss"]


def evidential_classification_loss(
    evidence: ArrayLike,
    labels: ArrayLike,
    *,
    kl_weight: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Evidential classification: expected squared error under a Dirichlet, with a penalty on wrong evidence.

    With :math:`\alpha = e + 1`, :math:`S = \sum_k \alpha_k`, :math:`\hat p = \alpha / S` and one-hot y:

    .. math:: \ell = \sum_k (y_k - \hat p_k)^2 + \frac{\hat p_k (1 - \hat p_k)}{S + 1}
              + \lambda \, \mathrm{KL}\big(\mathrm{Dir}(y + (1 - y) \alpha) \,\|\, \mathrm{Dir}(1)\big)

    The paper raises the coefficient from 0 to 1 over the first ten epochs; it may be traced.

    Args:
        evidence: Shape ``[..., C]``, floating, >= 0: for instance the softplus of a network's outputs. Negative
            evidence gives NaN.
        labels: Shape ``[...]``, integer class indices in ``[0, C)``; one outside gives NaN.
        kl_weight: Weight :math:`\lambda` of the penalty, in units of the squared error per nat; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, which tends to 0 as the evidence for the right class grows and for all others is 0.

    Raises:
        TypeError: If ``evidence`` is not floating or ``labels`` not integer.
        ValueError: If the shapes do not match or ``kl_weight`` is out of range.

    Example:
        >>> jaxloss.evidential_classification_loss(jnp.array([[2.0, 0.0]]), jnp.array([0]))
        Array(0.2, dtype=float32)

    Reference:
        Sensoy, Kaplan and Kandemir (2018), Evidential Deep Learning to Quantify Classification Uncertainty.
        https://arxiv.org/abs/1806.01768
    """
    evidence, labels = checks.scores_and_labels(evidence=evidence, labels=labels)
    (evidence,), labels = blank(where, evidence, event_ndim=1), hide(where, labels)
    kl_weight = checks.scalar("kl_weight", kl_weight, evidence.dtype, at_least=0)
    value_checks.ensure_labels(labels, evidence.shape[-1])
    value_checks.ensure(lambda: evidence >= 0, "evidence must be >= 0, for example jax.nn.softplus(outputs)")
    chosen = jax.lax.broadcasted_iota(labels.dtype, evidence.shape, evidence.ndim - 1) == labels[..., None]
    wrong = jnp.where(chosen, jnp.zeros((), evidence.dtype), evidence)
    values = _expected_squared_error(evidence, chosen) + kl_weight * divergence_from_uniform(wrong)
    legal = jnp.any(chosen, axis=-1) & jnp.all(evidence >= 0, axis=-1)
    return reduce(poison(values, legal), where=where, weights=weights, reduction=reduction)


def _expected_squared_error(evidence: Array, chosen: Array) -> Array:
    """Squared bias and variance, relative to the largest parameter, with ``1 - p`` as a sum of the others."""
    alpha = 1 + evidence
    peak = jax.lax.stop_gradient(jnp.max(alpha, axis=-1, keepdims=True))
    alpha = alpha / peak
    total = jnp.sum(alpha, axis=-1, keepdims=True)
    zero = jnp.zeros((), alpha.dtype)
    wrong = jnp.where(chosen, zero, alpha)
    rest = jnp.where(chosen, jnp.sum(wrong, axis=-1, keepdims=True), total - alpha) / total
    bias = jnp.where(chosen, rest, alpha / total)
    return jnp.sum(jnp.square(bias) + alpha / total * rest / (total + 1 / peak) / peak, axis=-1)
