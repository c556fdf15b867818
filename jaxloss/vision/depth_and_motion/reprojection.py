"""Photometric reprojection: a view that is synthesised from depth and motion, compared with the one that was seen."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import distance
from jaxloss._floor.maths.numerics import positive_part, smallest
from jaxloss._floor.reduction import blank, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images

__all__ = ["photometric_reprojection_loss"]


def _mirrored(x: Array, window_size: int) -> Array:
    """``[..., H, W]`` reflected at its borders, so that every pixel has a window."""
    border = ((window_size - 1) // 2, window_size // 2)
    return jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [border, border], mode="reflect")


def photometric_reprojection_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    ssim_weight: Scalar = 0.85,
    window_size: int = 3,
    sigma: Scalar = float("inf"),
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Photometric reprojection loss (Monodepth2): SSIM and absolute error of the best source frame at every pixel.

    .. math:: \ell = \operatorname{mean}_{h, w} \min_s \operatorname{mean}_c \left(
              \alpha\, \frac{1 - \mathrm{SSIM}(\hat I_s, I)}{2} + (1 - \alpha) \frac{|\hat I_s - I|}{L} \right)

    The :math:`\hat I_s` are source frames, warped to the view of :math:`I` by predicted depth and motion. The minimum
    forgives pixels that are hidden in some of them. Source frames that are not warped may be among them: they take the
    pixels that do not move with the camera, which then have no gradient; this is Monodepth2's automatic mask. With one
    frame this is the loss of Monodepth. The window of SSIM is a box of 3 by 3 pixels, and images are reflected at their
    borders; see `jaxloss.ssim_loss`.

    Args:
        predictions: Warped source frames, shape ``[..., S, H, W, C]``, floating.
        targets: The frame that was seen, shape ``[..., H, W, C]``, floating or integer.
        data_range: Difference :math:`L` between the largest and the smallest possible value: 1 for images in
            ``[0, 1]``, 255 for bytes; > 0.
        ssim_weight: The factor :math:`\alpha`, in [0, 1].
        window_size: Pixels along a side of a window; an integer >= 1, at most ``H`` and ``W``, static.
        sigma: Standard deviation of the Gaussian weights of a window, in pixels; > 0; infinite for equal weights.
        k1: Constant :math:`K_1` of the luminance; > 0.
        k2: Constant :math:`K_2` of contrast and structure; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly if at every pixel and in its window a frame equals ``targets``, with zero gradient
        there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes do not match, the frame axis is empty, an image is smaller than a window, or a
            hyperparameter is out of range.

    Example:
        >>> image = jnp.linspace(0.0, 1.0, 16).reshape(4, 4, 1)
        >>> jaxloss.photometric_reprojection_loss(jnp.stack([image, image + 0.5]), image, data_range=1.0)
        Array(0., dtype=float32)
        >>> jaxloss.photometric_reprojection_loss(image[None] + 0.5, image, data_range=1.0)
        Array(0.17394224, dtype=float32)

    Reference:
        Godard, Mac Aodha, Firman and Brostow (2019), Digging Into Self-Supervised Monocular Depth Estimation.
        https://arxiv.org/abs/1806.01260
    """
    (predictions,) = checks.floating(predictions=predictions)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("frames height width channels", predictions=predictions)
    one_frame = predictions.shape[:-4] + predictions.shape[-3:]
    checks.has_shape(one_frame, "predictions.shape without the axis of the frames, -4", targets=targets)
    _images.check_window(window_size, targets)
    (predictions,), (targets,) = blank(where, predictions, event_ndim=4), blank(where, targets, event_ndim=3)
    predictions, targets = promote(predictions, jnp.broadcast_to(targets[..., None, :, :, :], predictions.shape))
    dtype = predictions.dtype
    data_range, sigma, k1, k2 = (
        checks.scalar(name, value, dtype, above=0)
        for name, value in (("data_range", data_range), ("sigma", sigma), ("k1", k1), ("k2", k2))
    )
    ssim_weight = checks.scalar("ssim_weight", ssim_weight, dtype, at_least=0, at_most=1)
    _images.ensure_range(data_range, targets)
    window = _images.gaussian_window(window_size, sigma, dtype)
    total, half_gap, unit_range = _images.sum_and_difference(predictions, targets, data_range)
    total, half_gap = _mirrored(total, window_size), _mirrored(half_gap, window_size)
    luminance, contrast = _images.dissimilarities(total, half_gap, unit_range, window=window, k1=k1, k2=k2)
    dissimilar = jnp.swapaxes(0.5 * positive_part(luminance + contrast - luminance * contrast), -1, -2)
    apart = jnp.moveaxis(distance(predictions, targets), -1, -3) / data_range
    each = plain_mean(jnp.moveaxis(ssim_weight * dissimilar + (1 - ssim_weight) * apart, -3, -1), -1)
    best = smallest(jnp.moveaxis(each, -3, -1))
    *batch, height, width = best.shape
    values = plain_mean(jnp.reshape(best, (*batch, height * width)), -1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
