"""Points seen by a camera: their projection, and the distance to where they are observed."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import difference, norm, quotient
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["project_points", "reprojection_error"]


def project_points(points: ArrayLike, rotation: ArrayLike, translation: ArrayLike, intrinsics: ArrayLike) -> Array:
    r"""The pixels at which a pinhole camera sees points of the world.

    .. math:: p = \left( \frac{u_1}{u_3}, \frac{u_2}{u_3} \right), \qquad u = K (R x + t)

    Robust reprojection losses are losses of it: ``jaxloss.huber_loss(jaxloss.project_points(...), observations)``.

    Args:
        points, rotation, translation, intrinsics: See `jaxloss.reprojection_error`.

    Returns:
        Pixels, shape ``[..., 2]``; NaN for points that are not in front of the camera.

    Raises:
        TypeError: If an argument is not floating.
        ValueError: If the shapes do not end with 3, or those of the camera differ from ``[3, 3]`` and ``[3]``.

    Example:
        >>> camera = jnp.array([[100.0, 0.0, 32.0], [0.0, 100.0, 24.0], [0.0, 0.0, 1.0]])
        >>> jaxloss.project_points(jnp.array([0.5, 0.0, 0.0]), jnp.eye(3), jnp.array([0.0, 0.0, 2.0]), camera)
        Array([57., 24.], dtype=float32)

    Reference:
        Hartley and Zisserman (2004), Multiple View Geometry in Computer Vision, chapter 6.
        https://doi.org/10.1017/CBO9780511811685
    """
    return _projected(None, points, rotation, translation, intrinsics)


def _projected(where: ArrayLike | None, points: Any, rotation: Any, translation: Any, intrinsics: Any) -> Array:
    points, rotation, translation, intrinsics = checks.floating(
        points=points, rotation=rotation, translation=translation, intrinsics=intrinsics
    )
    checks.with_axes("coordinates", points=points)
    checks.has_shape((*points.shape[:-1], 3), "three coordinates per point", points=points)
    checks.has_shape((3, 3), "one matrix for all points", rotation=rotation, intrinsics=intrinsics)
    checks.has_shape((3,), "one vector for all points", translation=translation)
    points, rotation, translation, intrinsics = promote(
        hide(where, points, event_ndim=1), rotation, translation, intrinsics
    )
    # Sums of three products each, which an accelerator would round in a product of matrices.
    seen = _times(rotation, points) + translation.reshape((1,) * (points.ndim - 1) + (3,))
    if where is not None:
        ahead = jnp.zeros((1,) * (points.ndim - 1) + (3,), seen.dtype).at[..., 2].set(1)
        seen = jnp.where(hide(where, jnp.ones(points.shape[:-1], bool))[..., None], seen, ahead)
    homogeneous = _times(intrinsics, seen)
    legal = seen[..., 2] > 0
    depth = jnp.where(legal, homogeneous[..., 2], jnp.ones((), seen.dtype))
    pixels = quotient(homogeneous[..., :2], jnp.broadcast_to(depth[..., None], (*depth.shape, 2)))
    return value_checks.within_domain(pixels, legal[..., None], "points must be in front of the camera")


def _times(matrix: Array, vectors: Array) -> Array:
    """A matrix ``[3, 3]`` times each of the vectors ``[..., 3]``."""
    columns = matrix.T.reshape((1,) * (vectors.ndim - 1) + (3, 3))
    return jnp.sum(columns * vectors[..., None], axis=-2)


def reprojection_error(
    points: ArrayLike,
    observations: ArrayLike,
    rotation: ArrayLike,
    translation: ArrayLike,
    intrinsics: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Reprojection error: distance in the image between points of the world and where a camera observed them.

    .. math:: \ell = \lVert p - \hat p \rVert_2, \qquad
              \hat p = \left( \frac{u_1}{u_3}, \frac{u_2}{u_3} \right), \qquad u = K (R x + t)

    Gradients flow to the points and to the camera: it serves triangulation, pose estimation and bundle adjustment,
    there with `jax.vmap` over cameras. For squares or a robust loss of the same pixels see `jaxloss.project_points`.

    Args:
        points: Points :math:`x` in world coordinates, shape ``[..., 3]``, floating.
        observations: Pixels :math:`p`, shape ``[..., 2]``, floating or integer.
        rotation: From world to camera, :math:`R`, shape ``[3, 3]``, floating.
        translation: From world to camera, :math:`t`, shape ``[3]``, floating.
        intrinsics: The matrix of the camera, :math:`K`, shape ``[3, 3]``, floating, with last row 0, 0, 1.
        where, weights: One per point, shape ``[...]``; False for points that are hidden or behind the camera. See
            `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in pixels; 0 exactly at a perfect fit, with zero gradient there; NaN for points that are not in
        front of the camera.

    Raises:
        TypeError: If an argument other than ``observations`` is not floating.
        ValueError: If shapes do not match.

    Example:
        >>> camera = jnp.array([[100.0, 0.0, 32.0], [0.0, 100.0, 24.0], [0.0, 0.0, 1.0]])
        >>> world, pixels = jnp.array([[0.5, 0.0, 0.0]]), jnp.array([[60.0, 28.0]])
        >>> jaxloss.reprojection_error(world, pixels, jnp.eye(3), jnp.array([0.0, 0.0, 2.0]), camera)
        Array(5., dtype=float32)

    Reference:
        Hartley and Zisserman (2004), Multiple View Geometry in Computer Vision, chapter 6.
        https://doi.org/10.1017/CBO9780511811685
    """
    projected = _projected(where, points, rotation, translation, intrinsics)
    (observations,) = checks.numeric(observations=observations)
    checks.has_shape(projected.shape, "two coordinates per point", observations=observations)
    projected, observations = blank(where, projected, observations, event_ndim=1)
    values = norm(difference(projected, observations))
    return reduce(values, where=where, weights=weights, reduction=reduction)
