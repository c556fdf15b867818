"""Sharpness of restored images: differences of neighbouring pixels and edges, compared with those of the target."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, magnitude, poison, power
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.regression.hyperbolic import charbonnier_loss
from jaxloss.vision import _images
from jaxloss.vision._pools import flat
from jaxloss.vision._steps import steps

__all__ = ["gradient_difference_loss", "laplacian_edge_loss", "sobel_edge_loss"]

ROWS, COLUMNS = -3, -2


def _pixel_mean(values: Array) -> Array:
    """The mean over ``[H, W, C]``."""
    return plain_mean(flat(values, 3), -1)


@jax.custom_jvp
def _size_gap(x: Array, y: Array, gap: Array) -> Array:
    """``|x| - |y|``, to full relative accuracy if ``gap`` is ``x - y`` to that; its own tangent is not looked at."""
    # Right also where JAX forgets the rule below, as in the second derivative of a `lax.scan`.
    up, y_up = x >= 0, y >= 0
    signed = jnp.where(up == y_up, gap, x + y)
    return jnp.where(up, signed, -signed)


@_size_gap.defjvp
def _size_gap_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    x, y, _ = primals
    return _size_gap(*primals), jnp.sign(x) * tangents[0] - jnp.sign(y) * tangents[1]


def gradient_difference_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    exponent: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Image gradient difference loss (GDL): the steps between neighbouring pixels are to be as large as the target's.

    .. math:: \ell = \overline{\big| |\partial_h \hat y| - |\partial_h y| \big|^\alpha}
              + \overline{\big| |\partial_w \hat y| - |\partial_w y| \big|^\alpha}

    It sharpens predictions that squared errors blur, and is added to a loss of the pixels: it does not see brightness,
    nor the sign of a step. Means over the pairs of neighbours, so that it does not grow with the image; the paper
    takes sums.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        exponent: The power :math:`\alpha`, >= 1; 1 or 2 in the paper.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets`` to the power of ``exponent``; 0 exactly at a perfect fit, with zero
        gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an axis of the image is missing or empty, or ``exponent`` is out of range.

    Example:
        >>> sharp, blurred = jnp.array([0.0, 0.0, 6.0, 6.0]), jnp.array([0.0, 2.0, 4.0, 6.0])
        >>> jaxloss.gradient_difference_loss(blurred.reshape(1, 4, 1), sharp.reshape(1, 4, 1))
        Array(2.6666667, dtype=float32)

    Reference:
        Mathieu, Couprie and LeCun (2016), Deep Multi-Scale Video Prediction beyond Mean Square Error.
        https://arxiv.org/abs/1511.05440
    """
    predictions, targets = _images.image_pair(where, predictions, targets)
    exponent = checks.scalar("exponent", exponent, predictions.dtype, at_least=1)

    images = (predictions, targets, difference(predictions, targets))

    def along(axis: int) -> Array:
        return _pixel_mean(power(magnitude(_size_gap(*(steps(image, axis) for image in images))), exponent))

    return reduce(along(ROWS) + along(COLUMNS), where=where, weights=weights, reduction=reduction)


def _edge_loss(
    edges: Callable[[Array], list[Array]],
    predictions: ArrayLike,
    targets: ArrayLike,
    epsilon: Scalar,
    where: ArrayLike | None,
) -> Array:
    """The Charbonnier error of the edges of every image ``[...]``; the filters are linear, so one pass serves both."""
    predictions, targets = _images.image_pair(where, predictions, targets)
    if min(predictions.shape[-3:-1]) < 3:
        raise ValueError(
            f"images must be at least 3 by 3 pixels, the size of the filter; found shape {predictions.shape}. The axes "
            f"are [..., height, width, channels]."
        )
    gap = difference(predictions, targets)
    maps = edges(gap)
    errors = [charbonnier_loss(x, jnp.zeros_like(x), epsilon=epsilon, reduction="none") for x in maps]
    values = sum((_pixel_mean(error) for error in errors[1:]), _pixel_mean(errors[0]))
    # Pixels at the corners are in no Laplacian, but a NaN there is not to be missed.
    return poison(values, jnp.logical_not(jnp.any(jnp.isnan(gap), (-3, -2, -1))))


def _inner(x: Array, axis: int, start: int, stop: int) -> Array:
    return jax.lax.slice_in_dim(x, start, x.shape[axis] + stop, axis=axis % x.ndim)


def _laplacian(x: Array) -> list[Array]:
    """The sum of the second differences along both axes, at inner pixels."""
    curvature = lambda axis, across: steps(steps(_inner(x, across, 1, -1), axis), axis)
    return [curvature(ROWS, COLUMNS) + curvature(COLUMNS, ROWS)]


def _sobel(x: Array) -> list[Array]:
    """The slopes along both axes, per pixel, at inner pixels."""

    def slope(axis: int, across: int) -> Array:
        smooth = 0.25 * (_inner(x, across, 0, -2) + _inner(x, across, 2, 0)) + 0.5 * _inner(x, across, 1, -1)
        return 0.5 * (_inner(smooth, axis, 2, 0) - _inner(smooth, axis, 0, -2))

    return [slope(ROWS, COLUMNS), slope(COLUMNS, ROWS)]


def laplacian_edge_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: Scalar = 1e-3,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Edge loss of image restoration: Charbonnier error of the images' Laplacians, which show edges and fine detail.

    .. math:: \ell = \operatorname{mean}_{h, w, c} \sqrt{\left( \Delta \hat y - \Delta y \right)^2 + \epsilon^2}

    :math:`\Delta` is the sum of the four neighbours of a pixel less four times the pixel, at inner pixels. It does not
    see brightness or gradual slopes: add it to a loss of the pixels, as MPRNet does with a factor of 0.05; MPRNet's
    :math:`\Delta` is the difference from a blurred image.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating; at least 3 by 3 pixels.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        epsilon: Where the error turns linear, in units of the Laplacian; its square is added to the square; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= ``epsilon``, in units of ``targets``; ``epsilon`` at a perfect fit, up to rounding, with zero
        gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is smaller than 3 by 3 pixels, or ``epsilon`` is not positive.

    Example:
        >>> target = jnp.zeros((3, 3, 1)).at[1, 1].set(1.0)
        >>> jaxloss.laplacian_edge_loss(jnp.zeros((3, 3, 1)), target, epsilon=3.0)
        Array(5., dtype=float32)

    Reference:
        Zamir, Arora, Khan, Hayat, Khan, Yang and Shao (2021), Multi-Stage Progressive Image Restoration.
        https://arxiv.org/abs/2102.02808
    """
    values = _edge_loss(_laplacian, predictions, targets, epsilon, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def sobel_edge_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: Scalar = 1e-3,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sobel edge loss: Charbonnier error of the smoothed slopes of images along both axes.

    .. math:: \ell = \sum_{a \in \{h, w\}} \operatorname{mean}_{h, w, c}
              \sqrt{\left( S_a \hat y - S_a y \right)^2 + \epsilon^2}

    :math:`S_a` is the Sobel filter over 8, so that it is the slope per pixel, at inner pixels. It does not see
    brightness: add it to a loss of the pixels. Unlike in `jaxloss.laplacian_edge_loss`, gradual slopes count.

    Args:
        predictions: Images, shape ``[..., H, W, C]``, floating; at least 3 by 3 pixels.
        targets: Shape ``[..., H, W, C]``, the same; floating or integer; never broadcast.
        epsilon: Where the error turns linear, in units of the slopes; its square is added to the square; > 0.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= ``2 * epsilon``, in units of ``targets``; ``2 * epsilon`` at a perfect fit, up to rounding, with
        zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, an image is smaller than 3 by 3 pixels, or ``epsilon`` is not positive.

    Example:
        >>> slope = jnp.broadcast_to(4.0 * jnp.arange(3.0)[:, None, None], (3, 3, 1))
        >>> jaxloss.sobel_edge_loss(slope, jnp.zeros((3, 3, 1)), epsilon=3.0)
        Array(8., dtype=float32)

    Reference:
        Charbonnier, Blanc-Feraud, Aubert and Barlaud (1994), Two deterministic half-quadratic regularization
        algorithms for computed imaging. https://doi.org/10.1109/ICIP.1994.413553
    """
    values = _edge_loss(_sobel, predictions, targets, epsilon, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)
