"""Errors of pixels weighted by their distance from a boundary."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import difference, power
from jaxloss._floor.maths.sigmoids import in_unit_interval
from jaxloss._floor.reduction import blank, hide, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision._pools import flat
from jaxloss.vision.boundaries._nearest import distance_to_edge, pixel_spacing
from jaxloss.vision.boundaries._pixels import mask_pair

__all__ = ["boundary_loss", "hausdorff_distance_transform_loss"]


def boundary_loss(
    probs: ArrayLike,
    signed_distances: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Boundary loss: the predicted probability of a pixel, weighted by its signed distance from the true boundary.

    .. math:: \ell = p \, \phi

    with the signed distance :math:`\phi` from `jaxloss.signed_distance_map` of the target, positive outside: up to a
    constant the integral of the distance between the predicted and the true boundary. The map is that of
    the target alone, so it may be computed once per image, when the data are loaded. It weights small targets as much
    as large ones, but a prediction of nothing is a poor minimum: the paper adds it to `jaxloss.dice_loss` or
    `jaxloss.softmax_generalized_dice_loss`, with a weight that grows from 0.01 during training. For several classes put
    the class axis before the pixels and leave out the background by a slice. (`BoundaryLoss` of MMSegmentation is
    another loss, a cross-entropy of edge pixels.)

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1]; outside gives NaN.
        signed_distances: Signed distances from the boundary, of the same shape, floating or integer; negative inside.
        where, weights: One per pixel, shape ``[..., *pixels]``; see `jaxloss.reduce`.
        reduction: Over the pixels; see `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in units of the distances: smallest where p is 1 inside and 0 outside, and negative
        there unless no pixel is further inside than the boundary.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> mask = jnp.array([False, False, True, True, True])
        >>> distances = jaxloss.signed_distance_map(mask, pixel_ndim=1)
        >>> jaxloss.boundary_loss(jnp.array([0.5, 0.0, 0.0, 1.0, 1.0]), distances, reduction="sum")
        Array(-2., dtype=float32)

    Reference:
        Kervadec et al. (2019), Boundary Loss for Highly Unbalanced Segmentation. https://arxiv.org/abs/1812.07032
    """
    probs, signed_distances = checks.values(probs=probs, signed_distances=signed_distances)
    probs, signed_distances = blank(where, probs, signed_distances)
    value_checks.ensure_probabilities(probs=probs)
    return reduce(in_unit_interval(probs) * signed_distances, where=where, weights=weights, reduction=reduction)


def hausdorff_distance_transform_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 2.0,
    spacing: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hausdorff loss by distance transforms: squared errors of pixels, weighted by distances from both boundaries.

    .. math:: \ell = \overline{(p - y)^2 \left(d_p^\alpha + d_y^\alpha\right)}

    with the distances :math:`d_p` and :math:`d_y` of a pixel to the nearest one on the other side of the boundary of
    :math:`p > 1/2` and of :math:`y > 1/2`. A wrong pixel far from the target is what makes the Hausdorff distance
    large. The distances are constants of differentiation; a mask without a boundary, empty or full, has distance 0, so
    that an image where neither mask has one costs nothing. The logarithmic form of MONAI, ``LogHausdorffDTLoss``, is
    ``jnp.log1p`` of this. The paper adds the loss to `jaxloss.dice_loss`, scaled so that both are equal.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1]; outside gives NaN.
        targets: Membership of the mask, shape ``[..., *pixels]``, boolean, integer or floating, in [0, 1]; outside
            gives NaN.
        pixel_ndim: Number of axes of pixels, 2 for images and 3 for volumes, static.
        alpha: Exponent of the distances; > 0. The larger, the more the farthest error counts.
        spacing: Distance of neighbouring pixels, one number or one per axis. See `jaxloss.distance_transform`.
        where, weights: One per pixel, shape ``[..., *pixels]``. A pixel that is masked or has weight 0 is on no side of
            a boundary, and the others stay where they are; an image without pixels is absent. See `jaxloss.reduce`.
        reduction: Over the images ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of distance to the power ``alpha``; 0 exactly at a perfect fit, with zero gradient.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> target = jnp.zeros((5, 5)).at[1, 1].set(1.0)
        >>> near, far = target.at[1, 2].set(1.0), target.at[4, 4].set(1.0)
        >>> masks = jnp.stack([near, far])
        >>> targets = jnp.stack([target, target])
        >>> jaxloss.hausdorff_distance_transform_loss(masks, targets, pixel_ndim=2, reduction="none")
        Array([0.08, 0.76], dtype=float32)

    Reference:
        Karimi and Salcudean (2020), Reducing the Hausdorff Distance in Medical Image Segmentation with Convolutional
        Neural Networks. https://arxiv.org/abs/1904.10030
    """
    probs, targets, mass, present = mask_pair(probs, targets, pixel_ndim, where, weights)
    alpha = checks.scalar("alpha", alpha, probs.dtype, above=0)
    sides = pixel_spacing(spacing, pixel_ndim, probs.dtype)
    exists = None if mass is None else mass.astype(bool)
    far = sum(power(distance_to_edge(masks > 0.5, exists, sides, pixel_ndim), alpha) for masks in (probs, targets))
    error = jnp.square(difference(in_unit_interval(probs), in_unit_interval(targets)))
    flat_mass = None if mass is None else flat(mass, pixel_ndim)
    values = pool_mean(flat(hide(exists, error * far), pixel_ndim), flat_mass)
    return reduce(values, where=present, reduction=reduction)
