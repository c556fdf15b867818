"""The area under the ROC curve without pairs: a loss of single examples that is minimised and maximised (AUCM)."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["auc_margin_loss"]


def auc_margin_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    positive_center: ArrayLike,
    negative_center: ArrayLike,
    multiplier: ArrayLike,
    *,
    positive_share: Scalar,
    margin: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""AUC margin loss (AUCM): the area under the ROC curve as a saddle point, by single examples instead of pairs.

    .. math:: \ell = \begin{cases} (1 - p) (s - a)^2 - 2 \alpha (1 - p) s & y = 1 \\
              p (s - b)^2 + 2 \alpha p s & y = 0 \end{cases} \; + \; p (1 - p) \left( 2 \alpha m - \alpha^2 \right)

    It is minimised over the scores :math:`s` and the centres :math:`a` and :math:`b`, and maximised over
    :math:`\alpha \ge 0`. At the saddle point over a data set, the centres are the mean scores of both classes,
    :math:`\alpha = \max(0, m - (a - b))`, and the mean of the loss is :math:`p (1 - p)` times the variances of both
    classes plus :math:`\alpha^2`. Batches may hold any number of positives, where `jaxloss.pairwise_auc_loss` needs
    pairs in every batch.

    To let one optimizer do both, reverse the gradient of the multiplier by ``jaxloss.combine.reverse_gradient`` and
    clip it at 0 after the step: ``auc_margin_loss(s, y, a, b, reverse_gradient(alpha), positive_share=0.1)``.

    Args:
        scores: Shape ``[...]``, floating; probabilities for a margin of 1.
        targets: Shape ``[...]``, floating, integer or boolean, 0 or 1; never broadcast.
        positive_center: :math:`a`, one number, a parameter of training.
        negative_center: :math:`b`, one number, a parameter of training.
        multiplier: :math:`\alpha`, one number >= 0, a parameter of training.
        positive_share: Share :math:`p` of positives in the data set, in (0, 1); ``imratio`` in LibAUC and MONAI.
        margin: :math:`m` > 0, by which the positive centre should exceed the negative one.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar, in squared units of ``scores``; without a lower bound for a fixed multiplier above 0. NaN where a
        target is neither 0 nor 1.

    Raises:
        TypeError: If ``scores`` or a parameter is not floating.
        ValueError: If the shapes differ, a parameter is not one number, or a hyperparameter is out of range.

    Example:
        >>> parameters = jnp.array(1.0), jnp.array(0.0), jnp.array(0.5)
        >>> jaxloss.auc_margin_loss(jnp.array([0.5, 0.25]), jnp.array([1, 0]), *parameters, positive_share=0.5)
        Array(0.203125, dtype=float32)

    Reference:
        Yuan et al. (2021), Large-scale Robust Deep AUC Maximization: A New Surrogate Loss and Empirical Studies on
        Medical Image Classification. https://arxiv.org/abs/2012.03173
    """
    scores, targets = checks.values(scores=scores, targets=checks.marks(targets))
    parameters = checks.floating(
        positive_center=positive_center, negative_center=negative_center, multiplier=multiplier
    )
    names = "positive_center", "negative_center", "multiplier"
    checks.has_shape((), "one number", **dict(zip(names, parameters, strict=True)))
    scores, targets = blank(where, scores, targets)
    a, b, alpha = (jnp.broadcast_to(x.astype(scores.dtype), scores.shape) for x in parameters)
    share = checks.scalar("positive_share", positive_share, scores.dtype, above=0, below=1)
    margin = checks.scalar("margin", margin, scores.dtype, above=0)
    of_positives = (1 - share) * (jnp.square(scores - a) - 2 * alpha * scores)
    of_negatives = share * (jnp.square(scores - b) + 2 * alpha * scores)
    values = jnp.where(targets == 1, of_positives, of_negatives)
    values = values + share * (1 - share) * (2 * margin - alpha) * alpha
    legal = (targets == 0) | (targets == 1)
    values = value_checks.within_domain(values, legal, "targets must be 0 or 1")
    return reduce(values, where=where, weights=weights, reduction=reduction)
