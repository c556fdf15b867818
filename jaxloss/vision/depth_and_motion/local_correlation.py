"""Local cross-correlation: images of other brightness and contrast compared window by window, for registration."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, positive_part, quotient
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images
from jaxloss.vision._pools import flat

__all__ = ["local_normalized_cross_correlation_loss"]


def _centred(x: Array, ndim: int) -> Array:
    """``x`` less its mean, as a constant, over the last ``ndim`` axes: no variance depends on it."""
    axes = tuple(range(-ndim, 0))
    size = flat(x, ndim).shape[-1]
    return x - jnp.sum(jax.lax.stop_gradient(x), axes, keepdims=True) / size


def _uncorrelated(x: Array, y: Array, gap: Array, epsilon: Array, window: Array, ndim: int) -> Array:
    """One minus the squared correlation in every window.

    With ``d = x - y``, the ``gap``, and the variance ``v`` of the flatter image it is ``var(d) - cov(d, .)**2 / v``
    over the other variance: exactly 0 where the images are equal, and accurate near that.
    """
    mean = lambda image: _images.window_means(image, window, ndim)
    mean_x, mean_y, mean_gap = mean(x), mean(y), mean(gap)
    var_x, var_y, var_gap = (
        positive_part(mean(jnp.square(image)) - jnp.square(about))
        for image, about in ((x, mean_x), (y, mean_y), (gap, mean_gap))
    )
    flatter_x = var_x < var_y
    low, high = jnp.where(flatter_x, var_x, var_y), jnp.where(flatter_x, var_y, var_x)
    shared = [mean(gap * image) - mean_gap * about for image, about in ((x, mean_x), (y, mean_y))]
    shared = jnp.where(flatter_x, *shared)
    return quotient(positive_part(var_gap - shared * quotient(shared, low + epsilon)), high + epsilon)


def local_normalized_cross_correlation_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    window_size: int = 9,
    sigma: Scalar = float("inf"),
    epsilon: Scalar = 1e-5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Local normalized cross-correlation loss (LNCC): one minus the squared correlation in the windows of two images.

    .. math:: \ell = 1 - \operatorname{mean}_{c, w}
              \frac{(\sigma_{xy} + \epsilon)^2}{(\sigma_x^2 + \epsilon)(\sigma_y^2 + \epsilon)}

    Variances and the covariance are those of a window. Each window has a brightness and a contrast of its own, of
    either sign: the images may come from different scanners. In windows where both images are flat the loss is 0, in
    those where one is flat it is nearly 1. Packages differ: MONAI returns minus the mean, takes :math:`\epsilon` as the
    floor of sums instead of adding it to means, and pads the images with zeros, in whose border windows the edge of the
    image is compared with itself; here only windows inside of the image count.

    Args:
        predictions: Images, shape ``[..., *pixels, C]``, floating.
        targets: Shape ``[..., *pixels, C]``, the same; floating or integer; never broadcast.
        pixel_ndim: Number of pixel axes, which a window spans; an integer >= 1, static: 2 for ``[..., H, W, C]``,
            1 for signals and 3 for volumes.
        window_size: Pixels along a side of a window; an integer >= 1, static.
        sigma: Standard deviation of the Gaussian weights of a window, in pixels; > 0; infinite for equal weights.
        epsilon: Added to the variances and the covariance, in squared units of the images, so that noise in flat
            windows does not count as structure; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly for equal images, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an axis is missing, an image is smaller than a window, or a hyperparameter is
            out of range.

    Example:
        >>> signal = jnp.array([0.0, 1.0, 0.0, 2.0])[:, None]
        >>> jaxloss.local_normalized_cross_correlation_loss(signal[::-1], signal, pixel_ndim=1, window_size=4)
        Array(0.33062187, dtype=float32)

    Reference:
        Avants, Epstein, Grossman and Gee (2008), Symmetric Diffeomorphic Image Registration with Cross-Correlation:
        Evaluating Automated Labeling of Elderly and Neurodegenerative Brain.
        https://doi.org/10.1016/j.media.2007.06.004
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.whole("pixel_ndim", pixel_ndim)
    checks.whole("window_size", window_size)
    checks.with_axes(" ".join(["pixels"] * pixel_ndim + ["channels"]), predictions=predictions)
    sizes = predictions.shape[-1 - pixel_ndim : -1]
    if min(sizes) < window_size:
        raise ValueError(
            f"images must have at least window_size={window_size} pixels along each side; found {sizes}. Choose a "
            f"smaller window_size. The axes are [..., *pixels, channels], with pixel_ndim={pixel_ndim}."
        )
    predictions, targets = blank(where, predictions, targets, event_ndim=pixel_ndim + 1)
    dtype = predictions.dtype
    sigma = checks.scalar("sigma", sigma, dtype, above=0)
    epsilon = checks.scalar("epsilon", epsilon, dtype, above=0)
    images = (predictions, targets, difference(predictions, targets))
    x, y, gap = (_centred(jnp.moveaxis(image, -1, -1 - pixel_ndim), pixel_ndim) for image in images)
    size = jax.lax.stop_gradient(jnp.maximum(jnp.abs(x), jnp.abs(y)))
    axes = tuple(range(-1 - pixel_ndim, 0))
    # A unit in which no square overflows.
    unit = _images.capped(jnp.maximum(jnp.max(size, axes, keepdims=True), jnp.sqrt(jnp.asarray(epsilon, dtype))))
    guard = jnp.maximum(jnp.square(jnp.sqrt(jnp.asarray(epsilon, dtype)) / unit), float(jnp.finfo(dtype).tiny))
    window = _images.gaussian_window(window_size, sigma, dtype)
    values = _uncorrelated(x / unit, y / unit, gap / unit, guard, window, pixel_ndim)
    values = plain_mean(flat(values, pixel_ndim + 1), -1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
