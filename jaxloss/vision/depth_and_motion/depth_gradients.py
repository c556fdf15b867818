"""Gradients of depth maps: their edges matched at several scales, and smoothness where the image has no edges."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, divide, magnitude
from jaxloss._floor.reduction import blank, hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.vision._pools import check_pixel_ndim, flat
from jaxloss.vision._steps import neighbours, steps

__all__ = ["depth_gradient_matching_loss", "edge_aware_smoothness_loss"]


def depth_gradient_matching_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    valid: ArrayLike,
    *,
    scales: int = 4,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Gradient matching of depth maps at several scales: sharp edges, in the places where the targets have them.

    With the residual :math:`R^k = \hat d - d` of every :math:`2^k`-th pixel along both axes, of which :math:`M_k` are
    valid:

    .. math:: \ell = \sum_{k=0}^{K-1} \frac{1}{M_k} \sum_{h, w}
              |R^k_{h+1, w} - R^k_{h, w}| + |R^k_{h, w+1} - R^k_{h, w}|

    A difference counts if both of its pixels are valid. Where the residual is constant the loss is 0: it is added to a
    loss of values, in MiDaS with a factor of 0.5 to `jaxloss.scale_and_shift_invariant_loss`, of maps aligned by
    `jaxloss.align_scale_and_shift`; MegaDepth takes logarithms of depths. As in MiDaS's code, every scale is divided by
    its own number of pixels, where the paper divides all by :math:`M_0`.

    Args:
        predictions: Depths, disparities or logarithms of depths, shape ``[..., H, W]``, floating.
        targets: Shape ``[..., H, W]``, the same; floating or integer.
        valid: Shape ``[..., H, W]``, boolean: True where ``targets`` has a depth; what it leaves out is inert.
        scales: Number :math:`K` of scales; an integer >= 1, static.
        where, weights: One per map, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there, and for a map
        without a valid pixel.

    Raises:
        TypeError: If ``predictions`` is not floating, or ``valid`` not boolean.
        ValueError: If the shapes differ or have fewer than two axes, the last axis has size 1, as that of a channel
            has, or ``scales`` is not a whole number >= 1.

    Example:
        >>> targets, valid = jnp.zeros((2, 2)), jnp.ones((2, 2), bool)
        >>> jaxloss.depth_gradient_matching_loss(jnp.array([[0.0, 1.0], [3.0, 0.0]]), targets, valid, scales=1)
        Array(2., dtype=float32)

    Reference:
        Li and Snavely (2018), MegaDepth: Learning Single-View Depth Prediction from Internet Photos.
        https://arxiv.org/abs/1804.00607
        Ranftl, Lasinger, Hafner, Schindler and Koltun (2020), Towards Robust Monocular Depth Estimation: Mixing
        Datasets for Zero-shot Cross-dataset Transfer. https://arxiv.org/abs/1907.01341
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    (valid,) = checks.boolean("True where targets has a depth", valid=valid)
    checks.same_shape(predictions=predictions, valid=valid)
    check_pixel_ndim(2, predictions.shape, "predictions")
    checks.whole("scales", scales)
    predictions, targets = blank(where, predictions, targets, event_ndim=2)
    residual = hide(valid, difference(*blank(valid, predictions, targets)))
    values = jnp.zeros(residual.shape[:-2], residual.dtype)
    for step in (2**k for k in range(scales)):
        coarse, known = residual[..., ::step, ::step], valid[..., ::step, ::step]
        total = sum(_sum(hide(jnp.logical_and(*neighbours(known, a)), magnitude(steps(coarse, a)))) for a in (-2, -1))
        values = values + divide(jnp.asarray(total), _sum(known.astype(residual.dtype)))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _sum(x: Array) -> Array:
    return jnp.sum(x, axis=(-2, -1))


def edge_aware_smoothness_loss(
    predictions: ArrayLike,
    images: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Edge-aware smoothness of disparity maps: the gradient of a map, less expensive where the image has edges.

    .. math:: \ell = \overline{|\partial_x d|\, e^{-\overline{|\partial_x I|}}}
              + \overline{|\partial_y d|\, e^{-\overline{|\partial_y I|}}}

    The mean in the exponents is over the channels, the outer means are over the pairs of neighbours. A map that is
    scaled down is smoother: divide disparities by their mean, as in Monodepth2, where a network could shrink them.
    The units of ``images`` matter: the weights are made for colours in [0, 1].

    Args:
        predictions: Disparities, or inverse depths, shape ``[..., H, W]``, floating.
        images: The images that they belong to, shape ``[..., H, W, C]``, floating or integer. They are differentiated.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``predictions``; 0 exactly for a constant map, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If ``images.shape[:-1] != predictions.shape``, or an axis of an image is missing or empty.

    Example:
        >>> disparity, image = jnp.array([[0.0, 1.0]]), jnp.array([[[0.0], [1.0]]])
        >>> jaxloss.edge_aware_smoothness_loss(disparity, jnp.zeros_like(image))
        Array(1., dtype=float32)
        >>> jaxloss.edge_aware_smoothness_loss(disparity, image)
        Array(0.36787945, dtype=float32)

    Reference:
        Godard, Mac Aodha and Brostow (2017), Unsupervised Monocular Depth Estimation with Left-Right Consistency.
        https://arxiv.org/abs/1609.03677
    """
    (predictions,) = checks.floating(predictions=predictions)
    (images,) = checks.numeric(images=images)
    checks.with_axes("height width channels", images=images)
    checks.has_shape(images.shape[:-1], "images.shape[:-1], a map has no channels", predictions=predictions)
    (predictions,) = blank(where, predictions, event_ndim=2)
    (images,) = blank(where, images, event_ndim=3)
    predictions, images = promote(predictions, images)
    values = sum(
        plain_mean(flat(magnitude(steps(predictions, axis)) * _permission(images, axis - 1), 2), -1)
        for axis in (-2, -1)
    )
    return reduce(jnp.asarray(values), where=where, weights=weights, reduction=reduction)


def _permission(images: Array, axis: int) -> Array:
    """What a step of a map costs: less where all channels of the image step."""
    return jnp.exp(-plain_mean(magnitude(steps(images, axis)), -1))
