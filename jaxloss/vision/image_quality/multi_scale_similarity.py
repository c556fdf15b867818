"""Multi-scale structural similarity: contrast and structure at several resolutions, luminance at the coarsest."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor import checks
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images

__all__ = ["ms_ssim", "ms_ssim_loss"]

PUBLISHED = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of the five scales, finest first."""


def _exponents(scale_weights: ArrayLike | Sequence[float], dtype: np.dtype) -> Array:
    (array,) = checks.numeric(scale_weights=scale_weights)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"scale_weights must be one number per scale, shape [scales]; found shape {array.shape}.")
    traced = any(isinstance(number, Tracer) for number in jax.tree.leaves(scale_weights))
    if not traced and not np.all(np.asarray(scale_weights) >= 0):
        raise ValueError(f"scale_weights must be >= 0; found {scale_weights}.")
    return array.astype(dtype)


def _pool(values: Array) -> Array:
    """The mean over the windows of every channel."""
    *batch, columns, rows = values.shape
    return plain_mean(jnp.reshape(values, (*batch, columns * rows)), -1)


def _product_dissimilarity(errors: Array, exponents: Array) -> Array:
    """``1 - prod_j max(1 - e_j, 0) ** w_j`` over the last axis, accurate near 0."""
    negative = errors >= 1
    logs = exponents * jnp.log1p(-jnp.where(negative, jnp.zeros((), errors.dtype), errors))
    lost = jnp.any(negative & (exponents > 0), axis=-1)
    return jnp.where(lost, jnp.ones((), errors.dtype), -jnp.expm1(jnp.sum(logs, axis=-1)))


def _dissimilarity(
    where: ArrayLike | None,
    predictions: ArrayLike,
    targets: ArrayLike,
    data_range: Scalar,
    scale_weights: ArrayLike | Sequence[float],
    window_size: int,
    sigma: Scalar,
    k1: Scalar,
    k2: Scalar,
) -> Array:
    """One minus the index of every image ``[...]``."""
    predictions, targets = _images.image_pair(where, predictions, targets)
    dtype = predictions.dtype
    exponents = _exponents(scale_weights, dtype)
    _images.check_window(window_size, predictions, len(exponents))
    data_range, sigma, k1, k2 = (
        checks.scalar(name, value, dtype, above=0)
        for name, value in (("data_range", data_range), ("sigma", sigma), ("k1", k1), ("k2", k2))
    )
    _images.ensure_range(data_range, targets)
    window = _images.gaussian_window(window_size, sigma, dtype)
    total, difference, data_range = _images.sum_and_difference(predictions, targets, data_range)
    errors = []
    for scale in range(len(exponents)):
        if scale:
            total, difference = _images.halved(total), _images.halved(difference)
        luminance, contrast = _images.dissimilarities(total, difference, data_range, window=window, k1=k1, k2=k2)
        last = scale == len(exponents) - 1
        errors.append(_pool(luminance + contrast - luminance * contrast if last else contrast))
    exponents = jnp.broadcast_to(exponents, (*errors[0].shape, len(errors)))
    return plain_mean(_product_dissimilarity(jnp.stack(errors, axis=-1), exponents), -1)


def ms_ssim(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    scale_weights: ArrayLike | Sequence[float] = PUBLISHED,
    window_size: int = 11,
    sigma: Scalar = 1.5,
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Multi-scale structural similarity index of two images (MS-SSIM): a metric, larger for more similar images.

    .. math:: \text{MS-SSIM} = \operatorname{mean}_c\; \max(\mathrm{SSIM}_M, 0)^{w_M}
              \prod_{j=1}^{M-1} \max(\mathrm{CS}_j, 0)^{w_j}

    One minus `jaxloss.ms_ssim_loss`; what the factors are and how packages differ is described there.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range, scale_weights, window_size, sigma, k1, k2: See `jaxloss.ms_ssim_loss`.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 1 exactly for equal images, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image has fewer than ``window_size * 2 ** (M - 1)`` pixels along a side,
            or a constant is out of range.

    Example:
        >>> image = jnp.linspace(0.0, 1.0, 16 * 16 * 3).reshape(16, 16, 3)
        >>> jaxloss.ms_ssim(image, 0.5 * image, data_range=1.0, scale_weights=(0.5, 0.5), window_size=7)
        Array(0.7251303, dtype=float32)

    Reference:
        Wang, Simoncelli and Bovik (2003), Multi-scale Structural Similarity for Image Quality Assessment.
        https://doi.org/10.1109/ACSSC.2003.1292216
    """
    values = 1 - _dissimilarity(where, predictions, targets, data_range, scale_weights, window_size, sigma, k1, k2)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ms_ssim_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    scale_weights: ArrayLike | Sequence[float] = PUBLISHED,
    window_size: int = 11,
    sigma: Scalar = 1.5,
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""One minus the multi-scale structural similarity index (MS-SSIM), averaged over the channels.

    .. math:: \ell = 1 - \operatorname{mean}_c\; \max(\mathrm{SSIM}_M, 0)^{w_M}
              \prod_{j=1}^{M-1} \max(\mathrm{CS}_j, 0)^{w_j}

    :math:`\mathrm{CS}_j` is the mean over the windows of the factor of contrast and structure after :math:`j - 1`
    halvings, and :math:`\mathrm{SSIM}_M` that of the whole `ssim` at the coarsest scale. Such a mean can be
    negative, and a fractional power of a negative number does not exist: it counts as 0, as in piq, TensorFlow and most
    others, so the loss of such a channel is 1, its maximum, with zero gradient. The product is taken for every channel
    and then averaged (torchmetrics averages over the channels first). A halving averages blocks of two by two pixels
    and drops an odd last row or column (piq and TensorFlow pad it). This is not Kornia's ``MS_SSIMLoss``, which mixes
    in an absolute error.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range: Difference between the largest and the smallest possible value: 1 for images in ``[0, 1]``, 255
            for bytes; > 0.
        scale_weights: Exponents :math:`w_j`, shape ``[M]``, finest scale first; each >= 0. The published five need
            images of 176 by 176 pixels; give fewer for smaller images. They are not normalised.
        window_size: Pixels along a side of a window, at every scale; an integer >= 1.
        sigma: Standard deviation of the Gaussian weights of a window, in pixels; > 0.
        k1: Constant :math:`K_1` of the luminance; > 0.
        k2: Constant :math:`K_2` of contrast and structure; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly for equal images, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image has fewer than ``window_size * 2 ** (M - 1)`` pixels along a side,
            or a constant is out of range.

    Example:
        >>> image = jnp.linspace(0.0, 1.0, 16 * 16 * 3).reshape(16, 16, 3)
        >>> jaxloss.ms_ssim_loss(image, 0.5 * image, data_range=1.0, scale_weights=(0.5, 0.5), window_size=7)
        Array(0.2748697, dtype=float32)

    Reference:
        Wang, Simoncelli and Bovik (2003), Multi-scale Structural Similarity for Image Quality Assessment.
        https://doi.org/10.1109/ACSSC.2003.1292216
    """
    values = _dissimilarity(where, predictions, targets, data_range, scale_weights, window_size, sigma, k1, k2)
    return reduce(values, where=where, weights=weights, reduction=reduction)
