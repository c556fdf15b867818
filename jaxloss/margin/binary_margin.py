"""Losses of a signed score: the margin of a binary classifier, and what is lost when it is negative."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.sigmoids import negative_log_sigmoid
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["perceptron_loss", "soft_margin_loss"]


def signed_margin(where: ArrayLike | None, scores: ArrayLike, targets: ArrayLike) -> Array:
    """The margin ``y * s`` in the working dtype; NaN, in value and gradient, where ``y`` is not -1 or +1."""
    scores, targets = checks.values(scores=scores, targets=targets)
    scores, targets = blank(where, scores, targets, fill=1)
    valid = jnp.abs(targets) == 1
    value_checks.ensure(lambda: valid, "targets must be -1 or +1; turn 0/1 targets into 2 * targets - 1")
    return numerics.poison(scores * targets, valid)


def soft_margin_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft margin (logistic) loss: cross-entropy for targets -1 and +1.

    .. math:: \ell = \log(1 + e^{-y s})

    It has full relative accuracy at both ends; PyTorch's overflows from a margin of -89 on, and is 0 where
    the margin is large.

    Args:
        scores: Log-odds of +1, shape ``[...]``, floating.
        targets: -1 or +1, shape ``[...]``, the same; integer or floating. Any other value, 0 too, gives NaN:
            turn 0/1 targets into ``2 * targets - 1``.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.soft_margin_loss(jnp.array([0.0, 200.0]), jnp.array([1, -1]), reduction="none")
        Array([  0.6931472, 200.       ], dtype=float32)

    Reference:
        Friedman, Hastie and Tibshirani (2000), Additive Logistic Regression: a Statistical View of Boosting.
        https://doi.org/10.1214/aos/1016218223
    """
    values = negative_log_sigmoid(signed_margin(where, scores, targets))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def perceptron_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Perceptron loss: how far a score lies on the wrong side of zero.

    .. math:: \ell = \max(0, -y s)

    A score of exactly 0 is a loss of 0 but no right prediction: its slope is half of that of a wrong one, so
    that a model that starts from zero weights learns.

    Args:
        scores: Shape ``[...]``, floating.
        targets: -1 or +1, shape ``[...]``, the same; integer or floating. Any other value, 0 too, gives NaN:
            turn 0/1 targets into ``2 * targets - 1``.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the score has the sign of the target.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.perceptron_loss(jnp.array([0.5, 2.0]), jnp.array([1, -1]), reduction="none")
        Array([0., 2.], dtype=float32)

    Reference:
        Rosenblatt (1958), The Perceptron: a Probabilistic Model for Information Storage and Organization in the
        Brain. https://doi.org/10.1037/h0042519
    """
    margins = signed_margin(where, scores, targets)
    # Selections, which keep NaN where a maximum in front of a sum loses it on a CPU; the slope at 0 is -1/2.
    values = jnp.where(margins > 0, 0.0, jnp.where(margins < 0, -margins, 0 - 0.5 * margins))
    return reduce(values, where=where, weights=weights, reduction=reduction)
