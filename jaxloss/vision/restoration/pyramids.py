"""Laplacian pyramids: images compared band by band, from fine detail to the coarse rest."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, magnitude
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.vision import _images
from jaxloss.vision._pools import flat

__all__ = ["laplacian_pyramid_loss"]

TAPS = (0.0625, 0.25, 0.375, 0.25, 0.0625)
"""The binomial filter of Burt and Adelson."""


def _blurred(x: Array, axis: int, stride: int) -> Array:
    """Every ``stride``-th of the weighted means of five neighbours, mirrored at the borders."""
    padding = [(2, 2) if a == axis % x.ndim else (0, 0) for a in range(x.ndim)]
    padded, last = jnp.pad(x, padding, mode="reflect"), x.shape[axis] - 1
    cuts = [tap * jax.lax.slice_in_dim(padded, k, k + last + 1, stride, axis % x.ndim) for k, tap in enumerate(TAPS)]
    return sum(cuts[1:], cuts[0])


def _spread(x: Array, axis: int, size: int) -> Array:
    """``x`` at twice as many points, between which the filter interpolates."""
    gaps = [(0, size - 2 * n + 1, 1) if a == axis % x.ndim else (0, 0, 0) for a, n in enumerate(x.shape)]
    return 2 * _blurred(jax.lax.pad(x, jnp.zeros((), x.dtype), gaps), axis, 1)


def _bands(x: Array, levels: int) -> list[Array]:
    """What each halving of ``[..., H, W]`` loses, and the coarse rest."""
    bands = []
    for _ in range(levels):
        coarse = _blurred(_blurred(x, -1, 2), -2, 2)
        bands.append(x - _spread(_spread(coarse, -2, x.shape[-2]), -1, x.shape[-1]))
        x = coarse
    return [*bands, x]


def laplacian_pyramid_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    levels: int = 3,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Laplacian pyramid loss: absolute errors of the bands of images, from fine detail to the coarse rest.

    .. math:: \ell = \sum_{j=0}^{J} \operatorname{mean}_{h, w, c} \left| L_j(\hat y) - L_j(y) \right|

    :math:`L_0, \dots, L_{J-1}` is what is lost by each halving of an image with the filter of Burt and Adelson, and
    :math:`L_J` the image after all of them. A band has a quarter of the pixels of the one before: for sizes that can be
    halved this is the paper's :math:`\sum_j 2^{2j} \|\cdot\|_1` over the number of pixels of the image. An absolute
    error of the pixels, in contrast, is dominated by coarse shapes.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating; at least ``2 ** levels`` pixels along each side.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        levels: Number :math:`J` of halvings; an integer >= 1, static.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is too small, or ``levels`` is not a whole number >= 1.

    Example:
        >>> image = jnp.zeros((8, 8, 1))
        >>> jaxloss.laplacian_pyramid_loss(image + 0.5, image, levels=2)
        Array(0.5, dtype=float32)

    Reference:
        Bojanowski, Joulin, Lopez-Paz and Szlam (2018), Optimizing the Latent Space of Generative Networks.
        https://arxiv.org/abs/1707.05776
        Burt and Adelson (1983), The Laplacian Pyramid as a Compact Image Code.
        https://doi.org/10.1109/TCOM.1983.1095851
    """
    predictions, targets = _images.image_pair(where, predictions, targets)
    checks.whole("levels", levels)
    if min(predictions.shape[-3:-1]) < 2**levels:
        raise ValueError(
            f"images must be at least {2**levels} by {2**levels} pixels for levels={levels}; found shape "
            f"{predictions.shape}. Choose fewer levels. The axes are [..., height, width, channels]."
        )
    # The filters are linear: the bands of the difference are the differences of the bands.
    bands = _bands(jnp.moveaxis(difference(predictions, targets), -1, -3), levels)
    means = [plain_mean(flat(magnitude(band), 3), -1) for band in bands]
    return reduce(sum(means[1:], means[0]), where=where, weights=weights, reduction=reduction)
