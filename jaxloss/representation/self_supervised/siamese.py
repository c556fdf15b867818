"""Self-supervision by prediction (BYOL, SimSiam): one branch predicts the embedding of the other branch."""

from __future__ import annotations

import jax

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.regression.correlations import cosine_distance

__all__ = ["byol_loss", "negative_cosine_loss", "simsiam_loss"]


def _negative_cosine(where: ArrayLike | None, predictions: ArrayLike, targets: ArrayLike) -> Array:
    return cosine_distance(predictions, targets, where=where, reduction="none") - 1


def negative_cosine_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative cosine similarity of prediction and target; gradients flow to both.

    .. math:: \ell = -\frac{\langle p, z \rangle}{\|p\| \, \|z\|}

    It is `jaxloss.cosine_distance` minus 1. `jaxloss.byol_loss` and `jaxloss.simsiam_loss` hold the target constant.

    Args:
        predictions: Shape ``[..., D]``, floating; need not be normalised, a zero vector has cosine 0.
        targets: Shape ``[..., D]``, the same; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[-1, 1]``, up to rounding at 1; -1 exactly for equal vectors, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the feature axis is missing or empty.

    Example:
        >>> vectors = jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> jaxloss.negative_cosine_loss(vectors, jnp.array([[6.0, 8.0], [2.0, 0.0]]), reduction="none")
        Array([-1.,  0.], dtype=float32)

    Reference:
        Chen and He (2021), Exploring Simple Siamese Representation Learning. https://arxiv.org/abs/2011.10566
    """
    values = _negative_cosine(where, predictions, targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def byol_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""BYOL loss: squared distance of the normalised prediction from the normalised target, which gets no gradient.

    .. math:: \ell = \left\| \frac{p}{\|p\|} - \mathrm{sg}\frac{z}{\|z\|} \right\|^2 = 2 - 2 \cos(p, \mathrm{sg}\, z)

    BYOL adds the same loss with the two views exchanged.

    Args:
        predictions: Of the online network, shape ``[..., D]``, floating; need not be normalised, a zero vector has
            cosine 0.
        targets: Projections of the target network, shape ``[..., D]``, the same; their gradient is 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 4]``, up to rounding at 4; 0 exactly for equal vectors, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or the feature axis is missing or empty.

    Example:
        >>> vectors = jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> jaxloss.byol_loss(vectors, jnp.array([[6.0, 8.0], [2.0, 0.0]]), reduction="none")
        Array([0., 2.], dtype=float32)

    Reference:
        Grill et al. (2020), Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning.
        https://arxiv.org/abs/2006.07733
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    values = 2 * cosine_distance(predictions, jax.lax.stop_gradient(targets), where=where, reduction="none")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def simsiam_loss(
    first_predictions: ArrayLike,
    second_predictions: ArrayLike,
    first_projections: ArrayLike,
    second_projections: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SimSiam loss: negative cosine similarity of each view's prediction and the other view's constant projection.

    .. math:: \ell = -\tfrac12 \cos(p_1, \mathrm{sg}\, z_2) - \tfrac12 \cos(p_2, \mathrm{sg}\, z_1)

    Args:
        first_predictions: Predictor's output for view 1, shape ``[..., D]``, floating.
        second_predictions: Predictor's output for view 2, shape ``[..., D]``, the same; never broadcast.
        first_projections: Projector's output for view 1, shape ``[..., D]``; its gradient is 0.
        second_projections: Projector's output for view 2, shape ``[..., D]``; its gradient is 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[-1, 1]``, up to rounding at 1; -1 exactly where each prediction equals the other projection.

    Raises:
        TypeError: If ``first_predictions`` are not floating.
        ValueError: If the shapes differ or the feature axis is missing or empty.

    Example:
        >>> p1, p2 = jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 1.0]])
        >>> jaxloss.simsiam_loss(p1, p2, jnp.array([[1.0, 0.0]]), jnp.array([[6.0, 8.0]]))
        Array(-0.5, dtype=float32)

    Reference:
        Chen and He (2021), Exploring Simple Siamese Representation Learning. https://arxiv.org/abs/2011.10566
    """
    first_predictions, second_predictions, first_projections, second_projections = checks.values(
        first_predictions=first_predictions,
        second_predictions=second_predictions,
        first_projections=first_projections,
        second_projections=second_projections,
    )
    first = _negative_cosine(where, first_predictions, jax.lax.stop_gradient(second_projections))
    second = _negative_cosine(where, second_predictions, jax.lax.stop_gradient(first_projections))
    return reduce(0.5 * (first + second), where=where, weights=weights, reduction=reduction)
