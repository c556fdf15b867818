"""Mutual information of the intensities of two images, for registration of images from different sensors."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.entropies import relative_entropy
from jaxloss._floor.maths.numerics import guarded_log
from jaxloss._floor.maths.rows.moments import second_moments, shares
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.spread import require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision._pools import check_pixel_ndim, flat, flat_mask, pixel_mass

__all__ = ["mutual_information_loss"]


def mutual_information_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    num_bins: int = 23,
    bandwidth: Scalar = 0.5,
    data_range: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mutual information loss of registration: minus the information that the grey values of two images share.

    .. math:: \ell = -\sum_{a, b} P_{ab} \log \frac{P_{ab}}{P_a P_b}, \qquad
              P_{ab} = \overline{w_a(x) \, w_b(y)}, \qquad w_k(x) \propto e^{-(x / \Delta - k)^2 / (2 h^2)}

    a mean over the pixels, with Parzen windows of width :math:`h` in the K bins of width :math:`\Delta`, which are
    normalised over the bins. Images that determine each other, by any function, such as those of two scanners, share
    all they have. This is the formula of MONAI with Gaussian windows, without its constants 1e-7 in the logarithm. The
    windows of both images are stored: 2 K numbers for each pixel.

    Args:
        predictions: Grey images, such as warped ones, shape ``[..., *pixels]``, floating, in ``[0, data_range]``;
            values outside count as the nearest end, with no gradient.
        targets: Grey images, shape ``[..., *pixels]``, the same; floating or integer; never broadcast.
        pixel_ndim: Number of axes of pixels, 2 for images and 3 for volumes, static.
        num_bins: Number K of bins, the outermost of which are centred at the ends of the range; static, >= 2.
        bandwidth: Standard deviation :math:`h` of the windows, in bins; > 0.
        data_range: The largest possible value, the smallest being 0: 1 for images in ``[0, 1]``, 255 for bytes; > 0.
        axis_name: Mesh axes over which the pixels are spread. See `jaxloss.vision.segmentation`.
        where, weights: One per pixel, shape ``[..., *pixels]``, such as the part of the image that overlaps; an image
            without pixels is absent. See `jaxloss.reduce`.
        reduction: Over the images ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[-log(num_bins), 0]``, in nats; 0 if one image is constant.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> image = jnp.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
        >>> inverted, shifted = 1.0 - image, jnp.roll(image, 1, axis=1)
        >>> loss = lambda x: jaxloss.mutual_information_loss(x, image, pixel_ndim=2, num_bins=2, bandwidth=0.1)
        >>> print(f"{loss(image):.3f} {loss(inverted):.3f} {loss(shifted):.3f}")
        -0.693 -0.693 -0.057

    Reference:
        Viola and Wells (1997), Alignment by Maximization of Mutual Information.
        https://doi.org/10.1023/A:1007958904918
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    check_pixel_ndim(pixel_ndim, predictions.shape, "predictions")
    checks.whole("num_bins", num_bins, at_least=2)
    shape, where = predictions.shape, flat_mask(where, predictions.shape, pixel_ndim)
    predictions, targets = blank(where, flat(predictions, pixel_ndim), flat(targets, pixel_ndim))
    require_whole(axis_name, predictions.shape, predictions, targets)
    bandwidth = checks.scalar("bandwidth", bandwidth, predictions.dtype, above=0)
    data_range = checks.scalar("data_range", data_range, predictions.dtype, above=0)
    mass, present = pixel_mass(axis_name, where, weights, shape, pixel_ndim, predictions)
    share = shares(axis_name, mass, predictions)
    first, second = (_windows(images / data_range, num_bins, bandwidth) for images in (predictions, targets))
    joint = second_moments(axis_name, first, second, share)
    log = lambda p: guarded_log(p, float(jnp.finfo(p.dtype).tiny))
    apart = log(jnp.sum(joint, -1, keepdims=True)) + log(jnp.sum(joint, -2, keepdims=True))
    values = -jnp.sum(relative_entropy(log(joint), apart), axis=(-2, -1))
    return reduce(values, where=present, reduction=reduction)


def _windows(values: Array, num_bins: int, bandwidth: Scalar) -> Array:
    """How far each of the values ``[..., N]`` in [0, 1] belongs to each bin, ``[..., num_bins, N]``."""
    values = jnp.expand_dims(jnp.clip(values, 0, 1), -2) * (num_bins - 1)
    bins = jax.lax.broadcasted_iota(values.dtype, (*values.shape[:-2], num_bins, values.shape[-1]), values.ndim - 2)
    return jax.nn.softmax(-0.5 * jnp.square((values - bins) / bandwidth), axis=-2)
