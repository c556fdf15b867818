"""Matching the score, the gradient of the log-density of the data: by denoising, exactly, and by random slices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.generative.diffusion._schedules import example_data, reduce_mean_square, spread

__all__ = ["denoising_score_matching_loss", "implicit_score_matching_loss", "sliced_score_matching_loss"]

ScoreModel = Callable[[Any, Array], Array]
"""``(params, samples [N, ...]) -> scores [N, ...]``, each example by itself."""


def denoising_score_matching_loss(
    scores: ArrayLike,
    noise: ArrayLike,
    sigmas: ArrayLike,
    loss_weights: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Denoising score matching: mean squared error of the predicted score, weighted by the noise variance.

    .. math:: \ell = w \, \frac1D \lVert \sigma s + \epsilon \rVert_2^2
              = w \sigma^2 \, \frac1D \left\lVert s + \frac{\epsilon}{\sigma} \right\rVert_2^2

    With ``loss_weights`` of 1 every noise level counts equally (Song and Ermon); the plain objective of Vincent is
    :math:`w = 1 / (2 \sigma^2)`. The data have been noised to :math:`\alpha x + \sigma \epsilon`, for any
    :math:`\alpha`. There is no factor 1/2, and a mean over the event axes, not their sum.

    Args:
        scores: Predicted scores :math:`s` at the noisy data, shape ``[..., *event]``, floating.
        noise: The standard normal noise :math:`\epsilon` that was added, shape ``[..., *event]``, the same.
        sigmas: Standard deviation :math:`\sigma` of the noise in each example, shape ``[...]``, the batch axes.
        loss_weights: Weight :math:`w` of each example, shape ``[...]``; see `epsilon_prediction_loss`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 where the score is that of the noise that was added.

    Raises:
        TypeError: If ``scores`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.denoising_score_matching_loss(jnp.zeros((2, 3)), jnp.ones((2, 3)), jnp.ones(2), jnp.ones(2))
        Array(1., dtype=float32)

    Reference:
        Vincent (2011), A Connection Between Score Matching and Denoising Autoencoders.
        https://doi.org/10.1162/NECO_a_00142
    """
    numbers = {"sigmas": sigmas, "loss_weights": loss_weights}
    (scores, noise), (sigmas, loss_weights) = example_data(where, {"scores": scores, "noise": noise}, numbers)
    return reduce_mean_square(spread(sigmas, scores) * scores + noise, loss_weights, where, weights, reduction)


def _samples(where: ArrayLike | None, **arrays: Any) -> tuple[Array, ...]:
    """Floating arrays ``[N, ...]`` of one shape, 0 where masked, in their own dtypes."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.same_shape(**named)
    checks.with_axes("examples", allow_empty=True, **named)
    return tuple(hide(where, array, event_ndim=array.ndim - 1) for array in named.values())


def _slice(model: ScoreModel, params: Any, samples: Array, directions: Array) -> tuple[Array, Array]:
    """The scores, and the curvature of the log-density along the directions, example by example: ``[N, D], [N]``."""
    scores, bend = jax.jvp(lambda x: model(params, x), (samples,), (directions.astype(samples.dtype),))
    checks.same_shape(samples=samples, scores=scores)
    flat = (samples.shape[0], math.prod(samples.shape[1:]))
    scores, bend, directions = (jnp.reshape(x, flat) for x in promote(scores, bend, directions))
    return scores, jnp.sum(bend * directions, axis=-1)


def implicit_score_matching_loss(
    model: ScoreModel,
    params: Any,
    samples: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Implicit score matching: Fisher divergence of model and data up to a constant; exact, for few dimensions.

    .. math:: \ell = \operatorname{tr} \nabla_x s(x) + \tfrac12 \lVert s(x) \rVert_2^2

    One forward derivative per entry of an example; see `sliced_score_matching_loss` for many.

    Args:
        model: ``(params, samples) -> scores`` of the same shape ``[N, ...]``, each example by itself.
        params: The parameters of the model, any pytree.
        samples: The data, shape ``[N, ...]``, floating. Masked examples reach the model as 0.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar without bounds; smallest where the model's score is that of the data.

    Raises:
        TypeError: If ``samples`` are not floating.
        ValueError: If the scores do not have the shape of the samples.

    Example:
        >>> score_of_normal = lambda precision, x: -precision * x
        >>> jaxloss.implicit_score_matching_loss(score_of_normal, 2.0, jnp.array([[1.0, 2.0]]))
        Array(6., dtype=float32)

    Reference:
        Hyvarinen (2005), Estimation of Non-Normalized Statistical Models by Score Matching.
        https://www.jmlr.org/papers/v6/hyvarinen05a.html
    """
    (samples,) = _samples(where, samples=samples)
    entries = math.prod(samples.shape[1:])
    basis = jnp.reshape(jnp.eye(entries, dtype=samples.dtype), (entries, 1, *samples.shape[1:]))

    def along(direction: Array) -> tuple[Array, Array]:
        return _slice(model, params, samples, jnp.broadcast_to(direction, samples.shape))

    scores, bends = jax.vmap(along, out_axes=(None, 0))(basis)
    values = jnp.sum(bends, axis=0) + 0.5 * jnp.sum(jnp.square(scores), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def sliced_score_matching_loss(
    model: ScoreModel,
    params: Any,
    samples: ArrayLike,
    directions: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sliced score matching: along one random direction per example, by a single forward derivative.

    .. math:: \ell = v^\top \nabla_x s(x) \, v + \tfrac12 (v^\top s(x))^2

    In expectation over directions with :math:`\mathbb E[v v^\top] = I` it is `implicit_score_matching_loss`. For more
    directions per example repeat the samples.

    Args:
        model, params, samples: As in `implicit_score_matching_loss`.
        directions: Directions :math:`v`, shape ``[N, ...]``, the same: ``jax.random.normal(key, samples.shape)`` or
            ``jax.random.rademacher``.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar without bounds.

    Raises:
        TypeError: If ``samples`` or ``directions`` are not floating.
        ValueError: If the shapes differ, that of the scores included.

    Example:
        >>> score_of_normal = lambda precision, x: -precision * x
        >>> samples, directions = jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 0.0]])
        >>> jaxloss.sliced_score_matching_loss(score_of_normal, 2.0, samples, directions)
        Array(0., dtype=float32)

    Reference:
        Song et al. (2019), Sliced Score Matching: A Scalable Approach to Density and Score Estimation.
        https://arxiv.org/abs/1905.07088
    """
    samples, directions = _samples(where, samples=samples, directions=directions)
    scores, bend = _slice(model, params, samples, directions)
    (along,) = promote(directions)
    values = bend + 0.5 * jnp.square(jnp.sum(scores * jnp.reshape(along, scores.shape), axis=-1))
    return reduce(values, where=where, weights=weights, reduction=reduction)
