"""Frequencies of images: errors of the Fourier transform, which blur and grids of pixels stand out in."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, divide, norm, power, scale_of
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images
from jaxloss.vision._pools import flat

__all__ = ["focal_frequency_loss", "fourier_absolute_error"]


def _spectrum(where: ArrayLike | None, predictions: ArrayLike, targets: ArrayLike) -> tuple[Array, Array, Array]:
    """The moduli of the transform of the difference ``[..., C, H, W // 2 + 1]`` in a unit; how often; and the unit.

    A real image has every frequency between the first and the last column twice.
    """
    predictions, targets = _images.image_pair(where, predictions, targets)
    gap = jnp.moveaxis(difference(predictions, targets), -1, -3)
    width = gap.shape[-1]
    unit = _images.capped(scale_of(gap, (-3, -2, -1)))
    transform = jnp.fft.rfft2(gap / unit, norm="ortho")
    sizes = norm(jnp.stack([transform.real, transform.imag], axis=-1))
    columns = np.arange(width // 2 + 1)
    counts = np.where((columns == 0) | (2 * columns == width), 1.0, 2.0) * (len(columns) / width)
    return sizes, jnp.broadcast_to(jnp.asarray(counts, sizes.dtype), sizes.shape), unit[..., 0, 0, 0]


def focal_frequency_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    exponent: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Focal frequency loss: squared error of the Fourier transform, weighted towards the frequencies that are hard.

    With the difference :math:`D` of the unitary transforms of two images:

    .. math:: \ell = \operatorname{mean}_{u, v, c} w_{u v c} |D_{u v c}|^2, \qquad
              w_{u v c} = \left( \frac{|D_{u v c}|}{\max_{u, v} |D_{u v c}|} \right)^\alpha

    The weights are constants of differentiation. With :math:`\alpha = 0` it is the mean squared error of the pixels.
    The code of the paper has options besides: take logarithms of the weights, average the spectra of a batch, and cut
    images into patches, which a reshape in front does.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        exponent: The power :math:`\alpha` of the weights; >= 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an axis of the image is missing or empty, or ``exponent`` is negative.

    Example:
        >>> target = jnp.zeros((2, 2, 1))
        >>> jaxloss.focal_frequency_loss(target.at[0, 0].set(2.0), target)
        Array(1., dtype=float32)
        >>> jaxloss.focal_frequency_loss(target + 2.0, target)
        Array(4., dtype=float32)

    Reference:
        Jiang, Dai, Wu and Loy (2021), Focal Frequency Loss for Image Reconstruction and Synthesis.
        https://arxiv.org/abs/2012.12821
    """
    sizes, counts, unit = _spectrum(where, predictions, targets)
    exponent = checks.scalar("exponent", exponent, sizes.dtype, at_least=0)
    held = jax.lax.stop_gradient(sizes)
    focus = power(divide(held, jnp.broadcast_to(jnp.max(held, (-2, -1), keepdims=True), held.shape)), exponent)
    values = plain_mean(flat(jax.lax.stop_gradient(focus) * (counts * jnp.square(sizes)), 3), -1)
    return reduce(unit * (unit * values), where=where, weights=weights, reduction=reduction)


def fourier_absolute_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Absolute error of the Fourier transform of images, a loss of frequencies for deblurring (FFT loss).

    .. math:: \ell = \operatorname{mean}_{u, v, c} \left| \mathcal F(\hat y)_{u v c} - \mathcal F(y)_{u v c} \right|

    The modulus of a complex number, and the unitary transform, whose errors are as large as those of the pixels:
    an unnormalised one gives :math:`\sqrt{H W}` times as much. MIMO-UNet takes the latter and averages real and
    imaginary parts. The gradient is 0 at frequencies without an error, where a complex modulus has none.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or an axis of the image is missing or empty.

    Example:
        >>> target = jnp.zeros((2, 2, 1))
        >>> jaxloss.fourier_absolute_error(target.at[0, 0].set(2.0), target)
        Array(1., dtype=float32)

    Reference:
        Cho, Ji, Hong, Jung and Ko (2021), Rethinking Coarse-to-Fine Approach in Single Image Deblurring.
        https://arxiv.org/abs/2108.05054
    """
    sizes, counts, unit = _spectrum(where, predictions, targets)
    values = unit * plain_mean(flat(counts * sizes, 3), -1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
