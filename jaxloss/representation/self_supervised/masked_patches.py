"""Reconstruction of masked patches of an image from the visible ones (masked autoencoders)."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["masked_autoencoder_loss"]


def masked_autoencoder_loss(
    predictions: ArrayLike,
    patches: ArrayLike,
    *,
    epsilon: Scalar = 1e-6,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Masked autoencoder loss (MAE): squared error to the pixels of a patch, normalised by their mean and deviation.

    .. math:: \ell = \frac1D \sum_d \left( \hat y_d - \frac{y_d - \bar y}{\sqrt{s^2 + \epsilon}} \right)^2, \qquad
              s^2 = \frac{1}{D - 1} \sum_d (y_d - \bar y)^2

    Pass the patches that the encoder did not see as ``where=masked``: as in the paper only these count. Without the
    normalisation it is ``jaxloss.squared_error(predictions, patches, where=masked[..., None])``.

    Args:
        predictions: Normalised pixels of the patches, shape ``[..., D]``, floating, with D pixels and channels.
        patches: Pixels of the patches as they are, shape ``[..., D]``, the same; floating or integer; never broadcast.
        epsilon: Added to the variances under the root; > 0. A patch of one colour has the targets 0.
        where: Shape ``[...]``, True for the patches to be predicted. See `jaxloss.reduce`.
        weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: Over the patches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of the variance of a patch.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, the last axis has fewer than two entries, or ``epsilon`` is not positive.

    Example:
        >>> patches, masked = jnp.array([[0.1, 0.1, 0.1], [0.0, 0.5, 1.0]]), jnp.array([True, True])
        >>> values = jaxloss.masked_autoencoder_loss(jnp.zeros((2, 3)), patches, where=masked, reduction="none")
        >>> print([f"{value:.4f}" for value in values])
        ['0.0000', '0.6667']

    Reference:
        He et al. (2022), Masked Autoencoders Are Scalable Vision Learners. https://arxiv.org/abs/2111.06377
    """
    predictions, patches = checks.values(predictions=predictions, patches=patches)
    checks.with_axes("pixels", predictions=predictions)
    if predictions.shape[-1] < 2:
        raise ValueError(f"patches must have two pixels or more to have a variance; found shape {patches.shape}.")
    predictions, patches = blank(where, predictions, patches, event_ndim=1)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    values = plain_mean(jnp.square(predictions - _normalized(patches, epsilon)), -1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _normalized(patches: Array, epsilon: Scalar) -> Array:
    """Patches of mean 0 and variance 1; exactly 0 where all pixels are equal."""
    below = patches - patches[..., :1]
    deviations = below - plain_mean(below, -1)[..., None]
    scale = numerics.scale_of(deviations)
    scaled = deviations / scale
    variance = jnp.sum(jnp.square(scaled), axis=-1, keepdims=True) / (patches.shape[-1] - 1)
    return scaled / jnp.sqrt(variance + jnp.square(jnp.sqrt(epsilon) / scale))
