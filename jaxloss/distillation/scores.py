"""Distillation of a ranker: the student learns margins between scores instead of the scores."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["margin_squared_error"]


def margin_squared_error(
    positive_scores: ArrayLike,
    negative_scores: ArrayLike,
    teacher_positive_scores: ArrayLike,
    teacher_negative_scores: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Margin-MSE: squared error of a student's margin (relevant minus irrelevant passage) against the teacher's.

    .. math:: \ell = \left( (s^+ - s^-) - (t^+ - t^-) \right)^2

    Student and teacher may score on scales with different origins, as dot products and cross-encoders do; only the
    difference of two scores for one query is learned. sentence-transformers takes the teacher's margin as its labels:
    pass it as ``teacher_positive_scores``, beside zeros.

    Args:
        positive_scores: Student's scores :math:`s^+` of the relevant passages, shape ``[...]``, floating.
        negative_scores: Student's scores :math:`s^-` of irrelevant ones, shape ``[...]``, the same; never broadcast.
        teacher_positive_scores: Teacher's scores :math:`t^+`, shape ``[...]``, the same; floating or integer.
        teacher_negative_scores: Teacher's scores :math:`t^-`, shape ``[...]``, the same; floating or integer. They are
            differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the scores; 0 exactly at equal margins.

    Raises:
        TypeError: If ``positive_scores`` is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> positive, negative = jnp.array([3.0, 1.0]), jnp.array([1.0, 2.0])
        >>> jaxloss.margin_squared_error(positive, negative, positive + 5, negative + 6, reduction="none")
        Array([1., 1.], dtype=float32)

    Reference:
        Hofstätter et al. (2020), Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge
        Distillation. https://arxiv.org/abs/2010.02666
    """
    scores = checks.values(
        positive_scores=positive_scores,
        negative_scores=negative_scores,
        teacher_positive_scores=teacher_positive_scores,
        teacher_negative_scores=teacher_negative_scores,
    )
    # Halves: a margin may be twice as large as the largest number.
    halves = [0.5 * x for x in blank(where, *scores)]
    gap = (halves[0] - halves[1]) - (halves[2] - halves[3])
    return reduce(4 * jnp.square(gap), where=where, weights=weights, reduction=reduction)
