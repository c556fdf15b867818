"""Distances to the boundary of a binary mask, exact and under ``jax.jit``."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.vision._pools import check_pixel_ndim
from jaxloss.vision.boundaries._nearest import distance_to, distance_to_edge, pixel_spacing

__all__ = ["distance_transform", "signed_distance_map"]


def distance_transform(
    masks: ArrayLike, *, pixel_ndim: int, spacing: Scalar | ArrayLike = 1.0, where: ArrayLike | None = None
) -> Array:
    r"""Exact Euclidean distance transform (EDT): how far each pixel of a mask is from the nearest pixel outside.

    .. math:: d_i = \min_{j \notin M} \sqrt{\sum_k s_k^2 (i_k - j_k)^2}

    The numbers are those of ``scipy.ndimage.distance_transform_edt``, for any number of axes and masks at once, under
    ``jax.jit`` and on accelerators. ``distance_transform(~masks, ...)`` is the distance of the pixels outside to the
    mask. Along each axis every pixel is compared with all pixels of its line: time :math:`O(N (H + W))` for the N
    pixels of an image, memory :math:`O(N)`.

    Args:
        masks: Shape ``[..., *pixels]``, boolean, True inside.
        pixel_ndim: Number of axes of pixels, 2 for images and 3 for volumes, static.
        spacing: Distance of neighbouring pixels; > 0: one number, or one for each axis of pixels, shape
            ``[pixel_ndim]``, such as the sides of a voxel in millimetres.
        where: Which pixels exist, shape ``[..., *pixels]``, boolean. The others are neither inside nor outside. None:
            all.

    Returns:
        Distances >= 0, shape ``[..., *pixels]``: 0 outside and at missing pixels, infinite if nothing is outside.
        They have no gradient. float32, or float64 if ``spacing`` is; in 64-bit mode a Python number is.

    Raises:
        TypeError: If ``masks`` or ``where`` is not boolean.
        ValueError: If there are fewer than ``pixel_ndim`` axes, the last axis has size 1, as that of a channel has, or
            ``spacing`` has another shape or is not > 0.

    Example:
        >>> mask = jnp.array([[False, True, True, True], [True, True, True, True]])
        >>> jaxloss.distance_transform(mask, pixel_ndim=2)
        Array([[0.       , 1.       , 2.       , 3.       ],
               [1.       , 1.4142135, 2.236068 , 3.1622777]], dtype=float32)

    Reference:
        Felzenszwalb and Huttenlocher (2012), Distance Transforms of Sampled Functions.
        https://doi.org/10.4086/toc.2012.v008a019
    """
    masks, exists, sides = _masks(masks, pixel_ndim, spacing, where)
    outside = ~masks if exists is None else ~masks & exists
    return hide(exists, distance_to(outside, sides, pixel_ndim))


def signed_distance_map(
    masks: ArrayLike, *, pixel_ndim: int, spacing: Scalar | ArrayLike = 1.0, where: ArrayLike | None = None
) -> Array:
    r"""Signed distance map of a mask, as `jaxloss.boundary_loss` takes it: positive outside, at most 0 inside.

    .. math:: \phi_i = \begin{cases} \min_{j \in M} d(i, j) & i \notin M \\
              s - \min_{j \notin M} d(i, j) & i \in M \end{cases}

    with the Euclidean distance d of `jaxloss.distance_transform` and the smallest spacing s: pixels inside that touch
    the boundary have distance 0, as in the code of the paper and in MONAI, where s is 1. A mask without pixels, or one
    without pixels outside, has no boundary: its map is 0.

    Args:
        masks: Shape ``[..., *pixels]``, boolean, True inside.
        pixel_ndim, spacing, where: See `jaxloss.distance_transform`.

    Returns:
        Distances in units of ``spacing``, shape ``[..., *pixels]``; 0 at missing pixels. They have no gradient.
        float32, or float64 if ``spacing`` is; in 64-bit mode a Python number is.

    Raises:
        TypeError: If ``masks`` or ``where`` is not boolean.
        ValueError: If there are fewer than ``pixel_ndim`` axes, the last axis has size 1, as that of a channel has, or
            ``spacing`` has another shape or is not > 0.

    Example:
        >>> jaxloss.signed_distance_map(jnp.array([False, False, True, True, True]), pixel_ndim=1)
        Array([ 2.,  1.,  0., -1., -2.], dtype=float32)

    Reference:
        Kervadec et al. (2019), Boundary Loss for Highly Unbalanced Segmentation. https://arxiv.org/abs/1812.07032
    """
    masks, exists, sides = _masks(masks, pixel_ndim, spacing, where)
    distances = distance_to_edge(masks, exists, sides, pixel_ndim)
    signed = jnp.where(masks & (distances > 0), jnp.min(sides) - distances, distances)
    return hide(exists, signed)


def _masks(
    masks: ArrayLike, pixel_ndim: int, spacing: Scalar | ArrayLike, where: ArrayLike | None
) -> tuple[Array, Array | None, Array]:
    """The masks, which of their pixels exist, and the spacing of the pixels."""
    (masks,) = checks.boolean("True inside", masks=masks)
    check_pixel_ndim(pixel_ndim, masks.shape, "masks")
    exists = None if where is None else checks.mask(where, masks.shape)
    (like,) = promote(jnp.asarray(spacing))
    return masks, exists, pixel_spacing(spacing, pixel_ndim, like.dtype)
