"""What the losses of images share: the contract of two images, windows, local means and variances."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import positive_part, quotient
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = [
    "capped",
    "check_window",
    "dissimilarities",
    "ensure_range",
    "gaussian_window",
    "halved",
    "image_pair",
    "sum_and_difference",
    "window_means",
]

TILE = 64
"""Windows per matrix product: large enough for the matrix units, small enough that few entries of a band are 0."""


def image_pair(where: ArrayLike | None, predictions: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    """Two images ``[..., H, W, C]`` of one shape, promoted, those of masked examples blanked."""
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("height width channels", predictions=predictions)
    predictions, targets = blank(where, predictions, targets, event_ndim=3)
    return predictions, targets


def ensure_range(data_range: Scalar, targets: Array) -> None:
    """Under `checked`: the targets span no more than ``data_range``; predictions may overshoot it."""
    span = lambda: jnp.max(targets, (-3, -2, -1)) - jnp.min(targets, (-3, -2, -1))
    value_checks.ensure(
        lambda: jnp.logical_not(span() > 1.01 * data_range),
        "targets span more than data_range; it is 1 for images in [0, 1], 2 in [-1, 1] and 255 for bytes",
    )


def capped(unit: Array) -> Array:
    """``unit``, at most a quarter of the number whose reciprocal is the least normal one.

    XLA divides half an array by multiplying it with half the reciprocal, which would be flushed to 0.
    """
    return jnp.minimum(unit, 0.25 / float(jnp.finfo(unit.dtype).tiny))


def check_window(window_size: int, images: Array, scales: int = 1) -> None:
    """Raise unless ``window_size`` is a whole number and a window fits into the images halved ``scales - 1`` times."""
    checks.whole("window_size", window_size)
    height, width = images.shape[-3:-1]
    least = window_size * 2 ** (scales - 1)
    if min(height, width) < least:
        many = f" and {scales} scales, each half of the one before," if scales > 1 else ""
        fewer = " or fewer scale_weights" if scales > 1 else ""
        raise ValueError(
            f"images must be at least {least} by {least} pixels for window_size={window_size}{many}; found {height} "
            f"by {width}. Choose a smaller window_size{fewer}. The axes are [..., height, width, channels]."
        )


def halved(images: Array) -> Array:
    """Means of the blocks of two by two pixels; a last row or column without a partner is left out."""
    *batch, height, width = images.shape
    even = 0.25 * images[..., : height // 2 * 2, : width // 2 * 2]
    return jnp.sum(jnp.reshape(even, (*batch, height // 2, 2, width // 2, 2)), axis=(-3, -1))


def gaussian_window(size: int, sigma: Scalar, dtype: Any) -> Array:
    """Weights ``[size]`` of one axis, which sum to 1; all equal for an infinite ``sigma``."""
    offsets = jnp.asarray(np.arange(size) - (size - 1) / 2, dtype)
    return jax.nn.softmax(-0.5 * jnp.square(offsets / sigma))


def _slide(x: Array, window: Array) -> Array:
    """Weighted sums of all windows along the last axis, as products with a banded matrix.

    A band wastes products on its zeros, so the axis is cut into overlapping tiles. That is many times faster than
    convolution with one channel, which uses neither the vector nor the matrix units of any device well.
    """
    size, windows = window.shape[0], x.shape[-1] - window.shape[0] + 1
    tiles = -(-windows // max(TILE, size))
    tile = -(-windows // tiles)
    offset = np.arange(tile + size - 1) - np.arange(tile)[:, None]
    band = jnp.where((offset >= 0) & (offset < size), window[np.clip(offset, 0, size - 1)], jnp.zeros((), x.dtype))
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, tiles * tile - windows)])
    cuts = jnp.stack([x[..., k * tile : (k + 1) * tile + size - 1] for k in range(tiles)], axis=-2)
    # The variances below are differences: no device may round the products to 16 bits.
    sums = jnp.einsum("...j,ij->...i", cuts, band, precision=jax.lax.Precision.HIGHEST)
    return sums.reshape(*x.shape[:-1], tiles * tile)[..., :windows]


def window_means(x: Array, window: Array, ndim: int) -> Array:
    """Weighted means of all windows that lie inside of the last ``ndim`` axes."""
    for _ in range(ndim):
        x = jnp.moveaxis(_slide(x, window), -1, -ndim)
    return x


def _window_means(x: Array, window: Array) -> Array:
    """The same for two axes, which change places."""
    return _slide(jnp.swapaxes(_slide(x, window), -1, -2), window)


def _moments(x: Array, window: Array) -> tuple[Array, Array]:
    """Mean and variance in every window.

    The mean of the channel is taken off first, which no variance depends on and where most of the digits would cancel.
    """
    centre = jnp.sum(jax.lax.stop_gradient(x), (-2, -1), keepdims=True) / (x.shape[-2] * x.shape[-1])
    x = x - centre
    mean = _window_means(x, window)
    variance = positive_part(_window_means(jnp.square(x), window) - jnp.square(mean))
    return mean + centre, variance


def sum_and_difference(predictions: Array, targets: Array, data_range: Scalar) -> tuple[Array, Array, Array]:
    """Half the sum and half the difference, ``[..., C, H, W]``, and ``data_range``, in a unit per image.

    The unit is ``data_range``, or the largest magnitude if that is more, so that no square overflows.
    """
    x, y = (0.5 * jnp.moveaxis(image, -1, -3) for image in (predictions, targets))
    total, difference = x + y, x - y
    size = jnp.maximum(jnp.abs(total), jnp.abs(difference))
    unit = capped(jnp.maximum(jax.lax.stop_gradient(jnp.max(size, (-3, -2, -1), keepdims=True)), data_range))
    return total / unit, difference / unit, data_range / unit


def dissimilarities(
    total: Array, difference: Array, data_range: Array, *, window: Array, k1: Scalar, k2: Scalar
) -> tuple[Array, Array]:
    """One minus luminance and one minus contrast and structure, in [0, 2], for every window ``[..., C, W', H']``.

    With ``d`` half the difference and ``s`` half the sum of the images, these are ``2 mean(d)**2`` over
    ``mean(s)**2 + mean(d)**2`` and the same of the variances: exactly 0 where the images are equal, and accurate near.
    """
    tiny = float(jnp.finfo(total.dtype).tiny)
    (mean_s, variance_s), (mean_d, variance_d) = (_moments(x, window) for x in (total, difference))
    c1, c2 = (jnp.maximum(0.5 * jnp.square(k * data_range), tiny) for k in (k1, k2))
    luminance = quotient(2 * jnp.square(mean_d), jnp.square(mean_s) + jnp.square(mean_d) + c1)
    contrast = quotient(2 * variance_d, variance_s + variance_d + c2)
    return luminance, contrast
