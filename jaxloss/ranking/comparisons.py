"""Losses of pairs of scores of which one should be the larger."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["bpr_loss", "margin_ranking_loss"]


def bpr_loss(
    positive_scores: ArrayLike,
    negative_scores: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bayesian personalised ranking (BPR): the chosen item should score above the one that was not chosen.

    .. math:: \ell = -\log \sigma(s^+ - s^-)

    (spotlight's ``bpr_loss`` is :math:`1 - \sigma(s^+ - s^-)`, another loss.)

    Args:
        positive_scores: Scores of the items that were chosen, shape ``[...]``, floating.
        negative_scores: Scores of sampled items that were not, shape ``[...]``, the same.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 for equal scores, with full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.bpr_loss(jnp.array([1.0, 20.0]), jnp.array([1.0, 0.0]), reduction="none")
        Array([6.9314718e-01, 2.0611537e-09], dtype=float32)

    Reference:
        Rendle, Freudenthaler, Gantner and Schmidt-Thieme (2009), BPR: Bayesian Personalized Ranking from Implicit
        Feedback. https://arxiv.org/abs/1205.2618
    """
    positive, negative = checks.floating(positive_scores=positive_scores, negative_scores=negative_scores)
    checks.same_shape(positive_scores=positive, negative_scores=negative)
    positive, negative = blank(where, positive, negative)
    values = numerics.softplus(negative - positive)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def margin_ranking_loss(
    first_scores: ArrayLike,
    second_scores: ArrayLike,
    targets: ArrayLike,
    *,
    margin: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Margin ranking loss: how far the lead of the score that should be larger falls short of the margin.

    .. math:: \ell = \max\left( 0, m - y (s_1 - s_2) \right)

    The slope is 0 where the lead equals the margin exactly.

    Args:
        first_scores: Shape ``[...]``, floating.
        second_scores: Shape ``[...]``, the same; floating.
        targets: +1 if the first should be the larger, -1 if the second; shape ``[...]``, the same; integer or
            floating. Any other value, including 0, gives NaN.
        margin: The lead :math:`m` that is enough, in units of the scores; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of the scores; 0 exactly where the lead is at least the margin.

    Raises:
        TypeError: If a score is not floating.
        ValueError: If the shapes differ or ``margin`` is negative.

    Example:
        >>> first, second, targets = jnp.array([1.0, 1.0]), jnp.array([0.5, 3.0]), jnp.array([1, 1])
        >>> jaxloss.margin_ranking_loss(first, second, targets, reduction="none")
        Array([0., 2.], dtype=float32)

    Reference:
        Herbrich, Graepel and Obermayer (2000), Large Margin Rank Boundaries for Ordinal Regression.
        https://www.herbrich.me/papers/nips98_ordinal.pdf
    """
    first, second = checks.floating(first_scores=first_scores, second_scores=second_scores)
    (targets,) = checks.numeric(targets=targets)
    checks.same_shape(first_scores=first, second_scores=second, targets=targets)
    first, second, targets = blank(where, first, second, targets, fill=1)
    margin = checks.scalar("margin", margin, first.dtype, at_least=0)
    valid = jnp.abs(targets) == 1
    value_checks.ensure(lambda: valid, "targets must be -1 or +1; turn 0/1 targets into 2 * targets - 1")
    values = numerics.positive_part(margin - numerics.poison(targets * (first - second), valid))
    return reduce(values, where=where, weights=weights, reduction=reduction)
