"""Structure and colour in one loss: structural similarity at several scales, mixed with a smoothed absolute error."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import distance
from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images
from jaxloss.vision._pools import flat

__all__ = ["ms_ssim_l1_loss"]

PUBLISHED = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The standard deviations of the five windows, in pixels."""


def _windows(sigmas: ArrayLike | Sequence[float], window_size: int, dtype: np.dtype) -> list[Array]:
    (array,) = checks.numeric(sigmas=sigmas)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"sigmas must be one number per window, shape [scales]; found shape {array.shape}.")
    traced = any(isinstance(number, Tracer) for number in jax.tree.leaves(sigmas))
    if not traced and not np.all(np.asarray(sigmas) > 0):
        raise ValueError(f"sigmas must be > 0; found {sigmas}.")
    return [_images.gaussian_window(window_size, sigma, dtype) for sigma in array.astype(dtype)]


def ms_ssim_l1_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    ssim_weight: Scalar = 0.84,
    sigmas: ArrayLike | Sequence[float] = PUBLISHED,
    window_size: int = 33,
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Multi-scale structural similarity mixed with absolute error, for denoising and super-resolution (MS-SSIM + L1).

    .. math:: \ell = \operatorname{mean}_{c, w} \left[ \alpha \left( 1 - l_{\sigma_M} \prod_{j=1}^M cs_{\sigma_j}
              \right) + (1 - \alpha) \frac{G_{\sigma_M} * |\hat y - y|}{L} \right]

    The similarity keeps contrast, the absolute error keeps colour. :math:`l` is the luminance factor of
    `jaxloss.ssim_loss` and :math:`cs` that of contrast and structure, with a Gaussian :math:`G_\sigma` as the weights
    of a window. The scales are windows of several widths over the whole image, not the halvings and fractional powers
    of `jaxloss.ms_ssim_loss`. Only windows inside of the image count. Kornia's ``MS_SSIMLoss`` multiplies by 200, takes
    :math:`\alpha = 0.025` and pads the images with zeros.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range: Difference :math:`L` between the largest and the smallest possible value: 1 for images in
            ``[0, 1]``, 255 for bytes; > 0.
        ssim_weight: The factor :math:`\alpha`, in [0, 1].
        sigmas: Standard deviations :math:`\sigma_j` of the windows in pixels, shape ``[M]``, finest first; each > 0.
        window_size: Pixels along a side of every window; an integer >= 1, at most ``H`` and ``W``, static; the
            default is four times the last of ``sigmas``, plus one.
        k1: Constant :math:`K_1` of the luminance; > 0.
        k2: Constant :math:`K_2` of contrast and structure; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly for equal images, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is smaller than a window, or a hyperparameter is out of range.

    Example:
        >>> image = jnp.linspace(0.0, 1.0, 16 * 16 * 3).reshape(16, 16, 3)
        >>> jaxloss.ms_ssim_l1_loss(image, 0.5 * image, data_range=1.0, sigmas=(1.0, 2.0), window_size=9)
        Array(0.42756587, dtype=float32)

    Reference:
        Zhao, Gallo, Frosio and Kautz (2017), Loss Functions for Image Restoration with Neural Networks.
        https://arxiv.org/abs/1511.08861
    """
    predictions, targets = _images.image_pair(where, predictions, targets)
    _images.check_window(window_size, predictions)
    dtype = predictions.dtype
    data_range, k1, k2 = (
        checks.scalar(name, value, dtype, above=0)
        for name, value in (("data_range", data_range), ("k1", k1), ("k2", k2))
    )
    ssim_weight = checks.scalar("ssim_weight", ssim_weight, dtype, at_least=0, at_most=1)
    windows = _windows(sigmas, window_size, dtype)
    _images.ensure_range(data_range, targets)
    parts = _images.sum_and_difference(predictions, targets, data_range)
    factors = [_images.dissimilarities(*parts, window=window, k1=k1, k2=k2) for window in windows]
    dissimilar = factors[-1][0]
    for _, contrast in factors:
        # One minus the product of what is one minus each.
        dissimilar = dissimilar + contrast - dissimilar * contrast
    apart = jnp.moveaxis(distance(predictions, targets), -1, -3) / data_range
    smooth = _images.window_means(apart, windows[-1], 2)
    structure, colour = (plain_mean(flat(x, 3), -1) for x in (positive_part(dissimilar), smooth))
    values = ssim_weight * structure + (1 - ssim_weight) * colour
    return reduce(values, where=where, weights=weights, reduction=reduction)
