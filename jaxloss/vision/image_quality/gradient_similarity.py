"""Gradient similarity: how unevenly the edges of two images agree."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, divide, norm, quotient, scale_of
from jaxloss._floor.means.squares import pool_root_mean_square
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images
from jaxloss.vision._pools import flat

__all__ = ["gmsd_loss"]


def _slopes(x: Array) -> Array:
    """The Prewitt filters over 3 along both axes of ``[..., H, W, C]`` halved, at inner pixels, the last axis is new.

    Differences before means: what they have in common costs no digits.
    """
    height, width = x.shape[-3:-1]
    x = jnp.moveaxis(x[..., : height // 2 * 2, : width // 2 * 2, :], -1, -3)
    cut = lambda x, axis, start, stop: jax.lax.slice_in_dim(x, start, x.shape[axis] + stop, axis=axis % x.ndim)

    def slope(axis: int, across: int) -> Array:
        step = _images.halved(difference(cut(x, axis, 4, 0), cut(x, axis, 0, -4)))
        return (cut(step, across, 0, -2) + cut(step, across, 1, -1) + cut(step, across, 2, 0)) / 3

    return jnp.stack([slope(-2, -1), slope(-1, -2)], axis=-1)


def gmsd_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    data_range: Scalar,
    stability: Scalar = 0.0026,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Gradient magnitude similarity deviation (GMSD): the standard deviation of how well the edges of images agree.

    With the gradient magnitudes :math:`m` of the pixels of two images that are halved first:

    .. math:: \ell = \operatorname{mean}_c \operatorname{std}_{h, w}
              \frac{2 m_{\hat y} m_y + c L^2}{m_{\hat y}^2 + m_y^2 + c L^2}

    The mean of this similarity says little of quality; its deviation tells damage in some places from a change that is
    the same everywhere, which costs nothing. It does not see brightness: add it to a loss of the pixels. The paper's
    images are grey; of colours each channel counts alike, where piq takes their luminance. Only pixels whose filters
    lie inside of the image count.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating; at least 6 by 6 pixels.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        data_range: Difference :math:`L` between the largest and the smallest possible value: 1 for images in
            ``[0, 1]``, 255 for bytes; > 0.
        stability: The constant :math:`c`, > 0; the paper's is 170 for bytes.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 0.5]; 0 exactly for equal images, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is smaller than 6 by 6 pixels, or a constant is not > 0.

    Example:
        >>> target = jnp.zeros((8, 8, 1)).at[:, 4:].set(1.0)
        >>> jaxloss.gmsd_loss(target, target + 0.2, data_range=1.0)
        Array(0., dtype=float32)

    Reference:
        Xue, Zhang, Mou and Bovik (2014), Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image
        Quality Index. https://arxiv.org/abs/1308.3052
    """
    predictions, targets = _images.image_pair(where, predictions, targets)
    if min(predictions.shape[-3:-1]) < 6:
        raise ValueError(
            f"images must be at least 6 by 6 pixels, which are halved and filtered; found shape {predictions.shape}. "
            f"The axes are [..., height, width, channels]."
        )
    dtype = predictions.dtype
    data_range = checks.scalar("data_range", data_range, dtype, above=0)
    stability = checks.scalar("stability", stability, dtype, above=0)
    _images.ensure_range(data_range, targets)
    x, y, gap = (_slopes(image) for image in (predictions, targets, difference(predictions, targets)))
    # A unit in which no square overflows.
    size = jnp.maximum(scale_of(x, (-4, -3, -2, -1)), scale_of(y, (-4, -3, -2, -1)))
    unit = _images.capped(jnp.maximum(size, data_range))
    x, y, gap = x / unit, y / unit, gap / unit
    x_size, y_size = norm(x), norm(y)
    # The difference of the magnitudes from that of their squares, where the digits of the gap are not lost.
    apart = divide(jnp.sum((x + y) * gap, axis=-1), x_size + y_size)
    constant = jnp.maximum(stability * jnp.square(data_range / unit[..., 0]), float(jnp.finfo(dtype).tiny))
    lost = quotient(jnp.square(apart), jnp.square(x_size) + jnp.square(y_size) + constant)
    lost = flat(lost, 2)
    values = plain_mean(pool_root_mean_square(lost - plain_mean(lost, -1)[..., None], None), -1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
