"""Errors of the joints of skeletons: after the best alignment, and in the lengths of bones."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import binary_scale_of, difference, divide, magnitude, norm
from jaxloss._floor.maths.rows.moments import deviations
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import blank, pool_mean, pool_sum, reduce, relative_mass
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.pose._alignment import nearest_rotation

__all__ = ["bone_length_error", "procrustes_aligned_error"]


def procrustes_aligned_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean distance of the joints of a pose after the best similarity transform (PA-MPJPE, reconstruction error).

    .. math:: \ell = \frac1J \sum_j \lVert s R \hat x_j + t - x_j \rVert_2, \qquad
              (s, R, t) = \arg\min \sum_j \lVert s R \hat x_j + t - x_j \rVert_2^2

    Scale, rotation and position of a prediction do not count, only its shape; mirror images differ. Without the
    alignment it is `jaxloss.endpoint_error` of the joints (MPJPE); subtract the root joint from both for the usual
    protocol. The gradient goes through the alignment: it changes the shape of the prediction, and neither its place nor
    its size.

    Args:
        predictions: Joints :math:`\hat x`, shape ``[..., J, D]``, floating, with two or three coordinates.
        targets: Joints :math:`x`, shape ``[..., J, D]``, the same; never broadcast.
        where, weights: One per joint, shape ``[..., J]``, for the alignment and for the mean; False for a joint that is
            not annotated. A pose without joints is absent. See `jaxloss.reduce`.
        reduction: Over the poses ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly for equal shapes, with zero gradient there: a joint whose
        coordinates are off by rounding errors only, 2e-6 of the size of the pose in float32, fits. Where the best
        rotation is not unique, as for joints on a line, it is held fixed for the gradient.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, there are not two or three coordinates, or a pose has only one joint.

    Example:
        >>> pose = jnp.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
        >>> turned = 3.0 * pose @ jnp.array([[0.0, 1.0], [-1.0, 0.0]]) + 5.0
        >>> print(f"{jaxloss.endpoint_error(turned, pose):.3f} {jaxloss.procrustes_aligned_error(turned, pose):.3f}")
        7.447 0.000

    Reference:
        Umeyama (1991), Least-Squares Estimation of Transformation Parameters Between Two Point Patterns.
        https://doi.org/10.1109/34.88573; Ionescu, Papava, Olaru and Sminchisescu (2014), Human3.6M: Large Scale
        Datasets and Predictive Methods for 3D Human Sensing in Natural Environments.
        https://doi.org/10.1109/TPAMI.2013.248
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("joints coordinates", predictions=predictions)
    if predictions.shape[-1] not in (2, 3):
        raise ValueError(
            f"predictions must have two or three coordinates in the last axis; found shape {predictions.shape}."
        )
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    mass, present = relative_mass(where, weights, predictions[..., 0])
    # Coordinates first: sums over the joints are over the last axis.
    pose, target = (deviations(None, jnp.swapaxes(x, -1, -2), mass) for x in (predictions, targets))
    size = binary_scale_of(target, (-2, -1))
    pose, target = pose / binary_scale_of(pose, (-2, -1)), target / size
    apart = _aligned(pose, target, mass) - target
    # What a rotation is rounded by has no direction: a pose that fits is at distance 0, and has no gradient.
    noise = 16 * float(jnp.finfo(apart.dtype).eps)
    fits = jnp.all(jnp.abs(apart) < noise, axis=-2, keepdims=True)
    errors = norm(jnp.where(fits, jnp.zeros((), apart.dtype), apart), axis=-2)
    return reduce(pool_mean(errors, mass) * size[..., 0, 0], where=present, reduction=reduction)


def _aligned(pose: Array, target: Array, mass: Array | None) -> Array:
    """``pose`` scaled and turned to ``target``, both ``[..., D, J]`` and centred."""
    weighted = target if mass is None else target * mass[..., None, :].astype(target.dtype)
    shared = jnp.einsum("...dj,...ej->...de", weighted, pose, precision=precision())
    rotation = nearest_rotation(shared)
    extent = pool_sum(jnp.sum(jnp.square(pose), axis=-2), mass)
    scale = divide(jnp.sum(rotation * shared, axis=(-2, -1)), extent)
    turned = jnp.einsum("...de,...ej->...dj", rotation, pose, precision=precision())
    return scale[..., None, None] * turned


def bone_length_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Absolute difference of the lengths of predicted and true bones.

    .. math:: \ell = \bigl| \lVert \hat b \rVert_2 - \lVert b \rVert_2 \bigr|

    It keeps the proportions of a skeleton, whatever way its bones point; the paper's bone loss, which compares the
    vectors themselves, is `jaxloss.absolute_error` of them. Bones are differences of joints:
    ``joints[..., children, :] - joints[..., parents, :]``. For the symmetry of a skeleton give the left bones as
    predictions and the right ones as targets.

    Args:
        predictions: Bones :math:`\hat b` as vectors, shape ``[..., D]``, floating.
        targets: Bones :math:`b` as vectors, shape ``[..., D]``, the same; never broadcast.
        where, weights: One per bone, shape ``[...]``; a bone counts where both of its joints do. See `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly for equal lengths, with zero gradient there. A bone of length
        0 has no direction and no gradient.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or the coordinate axis is empty.

    Example:
        >>> jaxloss.bone_length_error(jnp.array([[3.0, 4.0], [0.0, 2.0]]), jnp.array([[2.0, 0.0], [2.0, 0.0]]))
        Array(1.5, dtype=float32)

    Reference:
        Sun, Shang, Liang and Wei (2017), Compositional Human Pose Regression. https://arxiv.org/abs/1704.00159
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("coordinates", predictions=predictions)
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    size = binary_scale_of(jnp.concatenate([predictions, targets], axis=-1))
    bone, other = predictions / size, targets / size
    # The difference of two nearly equal lengths, from differences of the coordinates.
    excess = divide(jnp.sum(difference(bone, other) * (bone + other), axis=-1), norm(bone) + norm(other))
    return reduce(magnitude(excess) * size[..., 0], where=where, weights=weights, reduction=reduction)
