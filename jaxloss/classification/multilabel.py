"""Multi-label losses: every class is a binary question of its own."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.sigmoids import in_unit_interval, negative_log_sigmoid, times_surprise, unless_absent
from jaxloss._floor.maths.softmax.terms import optional_class_vector
from jaxloss._floor.reduction import blank, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.binary import sigmoid_binary_cross_entropy

__all__ = ["asymmetric_multilabel_loss", "multilabel_soft_margin_loss"]


def asymmetric_multilabel_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    gamma_positive: Scalar = 1.0,
    gamma_negative: Scalar = 4.0,
    clip: Scalar = 0.05,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Asymmetric loss (ASL): focal losses of different strength for present and absent labels.

    With :math:`p_k = \sigma(z_k)` and the shifted :math:`\tilde p_k = \max(p_k - m, 0)`:

    .. math:: \ell = -\sum_k t_k (1 - p_k)^{\gamma_+} \log p_k
              + (1 - t_k) \, \tilde p_k^{\gamma_-} \log (1 - \tilde p_k)

    The sum over classes is the loss of an example, as in the paper; the published code and timm also sum over the
    batch, and put 1e-8 into the logarithms.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised.
        targets: Shape ``[..., K]``, the same; floating or integer, in [0, 1], usually 0 or 1. A target outside
            gives NaN.
        gamma_positive: Exponent :math:`\gamma_+` of the focus on hard present labels; >= 0.
        gamma_negative: Exponent :math:`\gamma_-` of the focus on hard absent labels; >= 0.
        clip: Probability :math:`m` below which an absent label has no loss; in [0, 1).
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats, summed over classes.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ, the class axis is empty, or a hyperparameter is out of range.

    Example:
        >>> logits, targets = jnp.array([[0.0, 0.0, -4.0]]), jnp.array([[1, 0, 0]])
        >>> print(f"{jaxloss.asymmetric_multilabel_loss(logits, targets):.5f}")
        0.37109

    Reference:
        Ridnik et al. (2021), Asymmetric Loss for Multi-Label Classification. https://arxiv.org/abs/2009.14119
    """
    logits, targets = checks.scores_and_targets(logits=logits, targets=checks.marks(targets))
    logits, targets = blank(where, logits, targets, event_ndim=1)
    value_checks.ensure_probabilities(targets=targets)
    gamma_positive = checks.scalar("gamma_positive", gamma_positive, logits.dtype, at_least=0)
    gamma_negative = checks.scalar("gamma_negative", gamma_negative, logits.dtype, at_least=0)
    clip = checks.scalar("clip", clip, logits.dtype, at_least=0, below=1)
    targets = in_unit_interval(targets)
    shifted, negative = _shifted(logits, clip)
    positive = unless_absent(negative_log_sigmoid(logits), targets <= 0)
    negative = unless_absent(negative, targets >= 1)
    each = targets * times_surprise(numerics.power(jax.nn.sigmoid(-logits), gamma_positive), positive)
    each = each + (1 - targets) * times_surprise(numerics.power(shifted, gamma_negative), negative)
    # A selection in front of the sum: XLA on CPU computes in one loop what is in front of it.
    values = jnp.sum(jnp.where(targets >= 0, each, targets), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _shifted(logits: Array, clip: Scalar) -> tuple[Array, Array]:
    """``(p', -log(1 - p'))`` of the shifted probability ``p' = max(p - clip, 0)``.

    Each side of logit 0 has the form that is accurate there; without a shift the logarithm never saturates.
    """
    clip = jnp.asarray(clip, logits.dtype)
    shifted = numerics.positive_part(jax.nn.sigmoid(logits) - clip)
    low = logits < 0
    rest = jnp.where(low | (clip == 0), jnp.ones((), logits.dtype), jax.nn.sigmoid(-logits) + clip)
    above = -jnp.log(jnp.minimum(rest, 1))
    below = -log1p_near(-jnp.where(low, shifted, jnp.zeros((), logits.dtype)))
    plain = negative_log_sigmoid(-logits)
    return shifted, jnp.where(clip == 0, plain, jnp.where(low, below, above))


def multilabel_soft_margin_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    class_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean over the classes of their binary cross-entropies.

    .. math:: \ell = -\frac{1}{K} \sum_k c_k \left(t_k \log \sigma(z_k) + (1 - t_k) \log \sigma(-z_k)\right)

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised.
        targets: Shape ``[..., K]``, the same; floating or integer, in [0, 1]. A target outside gives NaN.
        class_weights: Factors :math:`c_k` of the classes, shape ``[K]``, >= 0; None is 1 for all. As in PyTorch
            the sum is divided by K, for any weights.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats per class; keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ or the class axis is empty.

    Example:
        >>> logits, targets = jnp.array([[2.0, 0.0, -2.0]]), jnp.array([[1, 0, 0]])
        >>> print(f"{jaxloss.multilabel_soft_margin_loss(logits, targets):.5f}")
        0.31567

    Reference:
        Zhang and Zhou (2006), Multilabel Neural Networks with Applications to Functional Genomics and Text
        Categorization. https://doi.org/10.1109/TKDE.2006.162
    """
    logits, targets = checks.scores_and_targets(logits=logits, targets=checks.marks(targets))
    logits, targets = blank(where, logits, targets, event_ndim=1)
    each = sigmoid_binary_cross_entropy(logits, targets, reduction="none")
    factors = optional_class_vector(logits.shape[-1], each.dtype, class_weights=class_weights)
    if factors is not None:
        each = each * jnp.broadcast_to(factors, each.shape)
    return reduce(pool_mean(each, None), where=where, weights=weights, reduction=reduction)
