"""Peak signal-to-noise ratio (PSNR): the mean squared error of an image, in decibels."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import guarded_log, scale_of, sqrt
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images

__all__ = ["psnr", "psnr_loss"]


def _level(
    where: ArrayLike | None, predictions: ArrayLike, targets: ArrayLike, data_range: Scalar, epsilon: Scalar
) -> Array:
    """The level ``[...]`` of the error against ``data_range``, in decibels: the ratio, negated."""
    predictions, targets = _images.image_pair(where, predictions, targets)
    data_range = checks.scalar("data_range", data_range, predictions.dtype, above=0)
    _images.ensure_range(data_range, targets)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0, at_most=1)
    *batch, height, width, channels = predictions.shape
    half_residual = jnp.reshape(0.5 * predictions - 0.5 * targets, (*batch, height * width * channels))
    half_range = jnp.asarray(0.5 * data_range, predictions.dtype)
    scale = _images.capped(scale_of(half_residual))
    error = scale[..., 0] * sqrt(plain_mean(jnp.square(half_residual / scale), -1))
    # The square of a large error would overflow: its logarithm is twice that of the error.
    large = error > half_range
    small = guarded_log(jnp.square(jnp.where(large, half_range, error) / half_range), epsilon)
    excess = jnp.log(jnp.where(large, error, half_range)) - jnp.log(half_range)
    return 10 / math.log(10) * (small + 2 * excess)


def psnr(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    epsilon: Scalar = 1e-10,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Peak signal-to-noise ratio (PSNR) of two images in decibels: a metric, larger for more similar images.

    .. math:: \mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\operatorname{mean}_{h, w, c} (\hat y - y)^2}

    Minus `jaxloss.psnr_loss`.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range, epsilon: See `jaxloss.psnr_loss`. Equal images have 104.3 dB with the default ``epsilon``.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`. The mean is that of the decibels of the images.

    Returns:
        A scalar in decibels, with zero gradient for equal images; at most :math:`10\,(1 - \ln\epsilon) / \ln 10`.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or a hyperparameter is out of range.

    Example:
        >>> image = jnp.zeros((8, 8, 3))
        >>> jaxloss.psnr(image + 0.1, image, data_range=1.0)
        Array(20., dtype=float32)

    Reference:
        Hore and Ziou (2010), Image Quality Metrics: PSNR vs. SSIM.
        https://doi.org/10.1109/ICPR.2010.579
    """
    values = -_level(where, predictions, targets, data_range, epsilon)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def psnr_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    epsilon: Scalar = 1e-10,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative peak signal-to-noise ratio (PSNR) in decibels: the logarithm of the mean squared error of every image.

    .. math:: \ell = 10 \log_{10} \frac{\operatorname{mean}_{h, w, c} (\hat y - y)^2}{L^2}

    The logarithm gives images with small and large errors gradients of the same relative size. It would be infinite,
    with an infinite slope, for equal images: below ``epsilon`` it continues as its tangent, so that value and gradient
    stay finite and every larger error has its exact value. (Kornia returns ``-inf`` there; piq adds 1e-8 to every
    error.)

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range: Difference :math:`L` between the largest and the smallest possible value: 1 for images in
            ``[0, 1]``, 255 for bytes; > 0.
        epsilon: Mean squared error, in units of :math:`L^2` and in (0, 1], below which the logarithm continues
            as its tangent; the default is -100 dB: images with a smaller error have at least -104.3 dB, equal ones
            exactly that.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`. The mean is that of the decibels of the images.

    Returns:
        A scalar in decibels, negative where the error is below ``data_range``; smallest for equal images, with zero
        gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or a hyperparameter is out of range.

    Example:
        >>> image = jnp.zeros((8, 8, 3))
        >>> jaxloss.psnr_loss(image + 0.1, image, data_range=1.0)
        Array(-20., dtype=float32)

    Reference:
        Hore and Ziou (2010), Image Quality Metrics: PSNR vs. SSIM.
        https://doi.org/10.1109/ICPR.2010.579
    """
    values = _level(where, predictions, targets, data_range, epsilon)
    return reduce(values, where=where, weights=weights, reduction=reduction)
