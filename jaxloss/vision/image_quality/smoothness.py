"""Total variation losses: how much an image changes from pixel to pixel."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, magnitude, norm
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["isotropic_total_variation_loss", "total_variation_loss"]


def _contract(where: ArrayLike | None, images: ArrayLike) -> Array:
    (images,) = checks.floating(images=images)
    checks.with_axes("height width channels", images=images)
    (images,) = blank(where, images, event_ndim=3)
    return images


def total_variation_loss(
    images: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Anisotropic total variation: the sum of the absolute differences of neighbouring pixels.

    .. math:: \ell = \sum_{h, w, c} |x_{h+1, w, c} - x_{h, w, c}| + |x_{h, w+1, c} - x_{h, w, c}|

    A sum, as in TensorFlow, Kornia and torchmetrics: it grows with the number of pixels. Noise is
    expensive; a sharp edge costs as much as a gradual slope of the same height. Edges along the axes are cheaper than
    diagonal ones, unlike in `jaxloss.isotropic_total_variation_loss`.

    Args:
        images: Shape ``[..., H, W, C]``, floating.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``images``; 0 exactly for a constant image, with zero gradient there.

    Raises:
        TypeError: If ``images`` is not floating.
        ValueError: If ``images.ndim < 3`` or an axis of the image is empty.

    Example:
        >>> image = jnp.array([[0.0, 3.0], [4.0, 0.0]])[..., None]
        >>> jaxloss.total_variation_loss(image)
        Array(14., dtype=float32)

    Reference:
        Rudin, Osher and Fatemi (1992), Nonlinear Total Variation Based Noise Removal Algorithms.
        https://doi.org/10.1016/0167-2789(92)90242-F
    """
    images = _contract(where, images)
    steps = (
        difference(images[..., 1:, :, :], images[..., :-1, :, :]),
        difference(images[..., 1:, :], images[..., :-1, :]),
    )
    values = sum(jnp.sum(magnitude(step), axis=(-3, -2, -1)) for step in steps)
    return reduce(jnp.asarray(values), where=where, weights=weights, reduction=reduction)


def isotropic_total_variation_loss(
    images: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Isotropic total variation: the sum of the lengths of the gradients of an image.

    .. math:: \ell = \sum_{h, w, c} \sqrt{(x_{h+1, w, c} - x_{h, w, c})^2 + (x_{h, w+1, c} - x_{h, w, c})^2}

    Differences across the border are 0. Edges cost the same in every direction, up to the grid. Where the image is
    flat the gradient is 0, not infinite.

    Args:
        images: Shape ``[..., H, W, C]``, floating.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``images``; 0 exactly for a constant image, with zero gradient there.

    Raises:
        TypeError: If ``images`` is not floating.
        ValueError: If ``images.ndim < 3`` or an axis of the image is empty.

    Example:
        >>> image = jnp.array([[0.0, 3.0], [4.0, 0.0]])[..., None]
        >>> jaxloss.isotropic_total_variation_loss(image)
        Array(12., dtype=float32)

    Reference:
        Rudin, Osher and Fatemi (1992), Nonlinear Total Variation Based Noise Removal Algorithms.
        https://doi.org/10.1016/0167-2789(92)90242-F
    """
    images = _contract(where, images)
    below = jnp.concatenate([images[..., 1:, :, :], images[..., -1:, :, :]], axis=-3)
    beside = jnp.concatenate([images[..., 1:, :], images[..., -1:, :]], axis=-2)
    down, right = difference(below, images), difference(beside, images)
    values = jnp.sum(norm(jnp.stack([down, right], axis=-1)), axis=(-3, -2, -1))
    return reduce(values, where=where, weights=weights, reduction=reduction)
