"""Structural similarity: images compared window by window in luminance, contrast and structure."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images

__all__ = ["ssim", "ssim_loss"]


def _dissimilarity(
    where: ArrayLike | None,
    predictions: ArrayLike,
    targets: ArrayLike,
    data_range: Scalar,
    window_size: int,
    sigma: Scalar,
    k1: Scalar,
    k2: Scalar,
) -> Array:
    """One minus the index of every image ``[...]``."""
    predictions, targets = _images.image_pair(where, predictions, targets)
    _images.check_window(window_size, predictions)
    dtype = predictions.dtype
    data_range, sigma, k1, k2 = (
        checks.scalar(name, value, dtype, above=0)
        for name, value in (("data_range", data_range), ("sigma", sigma), ("k1", k1), ("k2", k2))
    )
    _images.ensure_range(data_range, targets)
    window = _images.gaussian_window(window_size, sigma, dtype)
    parts = _images.sum_and_difference(predictions, targets, data_range)
    luminance, contrast = _images.dissimilarities(*parts, window=window, k1=k1, k2=k2)
    values = luminance + contrast - luminance * contrast
    *batch, channels, columns, rows = values.shape
    return positive_part(plain_mean(jnp.reshape(values, (*batch, channels * columns * rows)), -1))


def ssim(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    window_size: int = 11,
    sigma: Scalar = 1.5,
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Structural similarity index of two images (SSIM): a metric, larger for more similar images.

    .. math:: \mathrm{SSIM} = \operatorname{mean}_{c, w}
              \frac{(2 \mu_x \mu_y + C_1)(2 \sigma_{xy} + C_2)}
              {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}, \qquad C_i = (K_i L)^2

    One minus `jaxloss.ssim_loss`; what the windows are and how packages differ is described there.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range, window_size, sigma, k1, k2: See `jaxloss.ssim_loss`.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [-1, 1]; 1 exactly for equal images, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is smaller than a window, or a constant is not > 0.

    Example:
        >>> image = jnp.linspace(0.0, 1.0, 16 * 16 * 3).reshape(16, 16, 3)
        >>> jaxloss.ssim(image, 0.5 * image, data_range=1.0)
        Array(0.6521349, dtype=float32)

    Reference:
        Wang, Bovik, Sheikh and Simoncelli (2004), Image Quality Assessment: From Error Visibility to Structural
        Similarity. https://doi.org/10.1109/TIP.2003.819861
    """
    values = 1 - _dissimilarity(where, predictions, targets, data_range, window_size, sigma, k1, k2)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ssim_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    window_size: int = 11,
    sigma: Scalar = 1.5,
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""One minus the structural similarity index (SSIM), averaged over the windows and channels of an image.

    .. math:: \ell = 1 - \operatorname{mean}_{c, w}
              \frac{(2 \mu_x \mu_y + C_1)(2 \sigma_{xy} + C_2)}
              {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}, \qquad C_i = (K_i L)^2

    Means, variances and the covariance are weighted by a Gaussian window; the defaults are those of the paper.
    Packages differ: only windows inside the image count here (Kornia and torchmetrics pad), variances are
    those of the window itself, not of a sample (scikit-image), large images are not downsampled first (piq), and the
    loss is not halved (Kornia).

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range: Difference :math:`L` between the largest and the smallest possible value: 1 for images in
            ``[0, 1]``, 255 for bytes, 2 for ``[-1, 1]``; > 0.
        window_size: Pixels along a side of a window; an integer >= 1, at most ``H`` and ``W``.
        sigma: Standard deviation of the Gaussian weights of a window, in pixels; > 0; ``float("inf")`` weights all
            pixels of a window alike.
        k1: Constant :math:`K_1` of the luminance; > 0.
        k2: Constant :math:`K_2` of contrast and structure; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 2]; 0 exactly for equal images, with zero gradient there, and accurate near it. In float32 it
        has a relative error of about 1e-7 for noise and up to 2e-5 for smooth images, whose windows vary little beside
        the image as a whole.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is smaller than a window, or a constant is not > 0.

    Example:
        >>> image = jnp.linspace(0.0, 1.0, 16 * 16 * 3).reshape(16, 16, 3)
        >>> jaxloss.ssim_loss(image, 0.5 * image, data_range=1.0)
        Array(0.34786513, dtype=float32)

    Reference:
        Wang, Bovik, Sheikh and Simoncelli (2004), Image Quality Assessment: From Error Visibility to Structural
        Similarity. https://doi.org/10.1109/TIP.2003.819861
    """
    values = _dissimilarity(where, predictions, targets, data_range, window_size, sigma, k1, k2)
    return reduce(values, where=where, weights=weights, reduction=reduction)
