"""Cross-entropies whose pull is bounded, so that a wrong label cannot dominate training."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["generalized_cross_entropy", "symmetric_cross_entropy"]


def generalized_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    q: Scalar = 0.7,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generalized cross-entropy: between cross-entropy (``q`` 0) and the absolute error of probabilities (``q`` 1).

    With :math:`p = \mathrm{softmax}(z)`:

    .. math:: \ell = \frac{1 - p_y^q}{q}

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        q: Between cross-entropy, the limit 0, and robustness to label noise; in [0, 1].
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1 / q]; keeps full relative accuracy for small values. The gradient is finite for
            every label, also an improbable one.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or ``q`` is out of range.

    Example:
        >>> logits = jnp.array([[2.0, 0.0], [-100.0, 100.0]])
        >>> jaxloss.generalized_cross_entropy(logits, jnp.array([0, 0]), q=0.5, reduction="none")
        Array([0.12298419, 2.        ], dtype=float32)

    Reference:
        Zhang and Sabuncu (2018), Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels.
        https://arxiv.org/abs/1805.07836
    """
    nll = softmax_cross_entropy_with_integer_labels(logits, labels, where=where, reduction="none")
    q = jnp.asarray(checks.scalar("q", q, nll.dtype, at_least=0, at_most=1), nll.dtype)
    limit = q == 0
    exponent = jnp.where(limit, jnp.ones((), nll.dtype), q)
    values = jnp.where(limit, nll, -jnp.expm1(-exponent * nll) / exponent)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def symmetric_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    alpha: Scalar = 0.1,
    beta: Scalar = 1.0,
    log_zero: Scalar = -4.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Symmetric cross-entropy: cross-entropy plus reverse cross-entropy, for noisy labels.

    With :math:`p = \mathrm{softmax}(z)` and :math:`\log 0 := A` in the reverse term:

    .. math:: \ell = -\alpha \log p_y - \beta A \, (1 - p_y)

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        alpha: Factor of the cross-entropy; >= 0.
        beta: Factor of the reverse cross-entropy, the bounded part; >= 0.
        log_zero: The number :math:`A` that stands for the logarithm of 0; < 0. The paper has -4; its published code
            clips labels at 1e-4, which makes it -9.21.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or a hyperparameter is out of
            range.

    Example:
        >>> logits = jnp.array([[2.0, 0.0], [0.0, 2.0]])
        >>> jaxloss.symmetric_cross_entropy(logits, jnp.array([0, 0]), reduction="none")
        Array([0.4895044, 3.735881 ], dtype=float32)

    Reference:
        Wang et al. (2019), Symmetric Cross Entropy for Robust Learning with Noisy Labels.
        https://arxiv.org/abs/1908.06112
    """
    nll = softmax_cross_entropy_with_integer_labels(logits, labels, where=where, reduction="none")
    alpha = checks.scalar("alpha", alpha, nll.dtype, at_least=0)
    beta = checks.scalar("beta", beta, nll.dtype, at_least=0)
    log_zero = checks.scalar("log_zero", log_zero, nll.dtype, below=0)
    values = alpha * nll + beta * log_zero * jnp.expm1(-nll)
    return reduce(values, where=where, weights=weights, reduction=reduction)
