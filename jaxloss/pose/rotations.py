"""Distances of rotations, given as matrices or as quaternions."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import difference, norm, quotient
from jaxloss._floor.maths.rows.directions import half_squared_chord
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["quaternion_distance", "rotation_distance"]


def rotation_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Geodesic distance of rotation matrices: the angle of the rotation that takes one to the other.

    .. math:: \ell = \arccos \frac{\operatorname{tr}(R^\top \hat R) - 1}{2}

    The angle is not taken from the arc cosine, whose slope is infinite at 0 and at :math:`\pi`, but from the sine and
    the cosine of its half: small angles keep their digits, and the slope has length 1 up to both ends.

    Args:
        predictions: Rotation matrices :math:`\hat R`, shape ``[..., 3, 3]``, floating. Make them orthonormal
            beforehand, by Gram-Schmidt from six numbers for instance: of other matrices the value means nothing, and
            `jaxloss.checked` refuses them.
        targets: Rotation matrices :math:`R`, shape ``[..., 3, 3]``, the same; never broadcast.
        where, weights: One per rotation, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in radians, within [0, :math:`\pi`]; 0 exactly at a perfect fit. The gradient is 0 there and at
        opposite rotations, where every way around is as long.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or do not end with ``[3, 3]``.

    Example:
        >>> turn = jnp.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> jaxloss.rotation_distance(turn, jnp.eye(3))
        Array(1.5707964, dtype=float32)

    Reference:
        Huynh (2009), Metrics for 3D Rotations: Comparison and Analysis. https://doi.org/10.1007/s10851-009-0161-2
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("rows columns", predictions=predictions)
    checks.has_shape((*predictions.shape[:-2], 3, 3), "one matrix of three rows per rotation", predictions=predictions)
    predictions, targets = blank(where, predictions, targets, event_ndim=2)
    for name, matrices in {"predictions": predictions, "targets": targets}.items():
        _ensure_rotations(name, matrices, where)
    return reduce(_angle(predictions, targets), where=where, weights=weights, reduction=reduction)


def _ensure_rotations(name: str, matrices: Array, where: ArrayLike | None) -> None:
    def legal() -> Array:
        gram = jnp.einsum("...ji,...jk->...ik", matrices, matrices, precision="highest")
        unit = jnp.broadcast_to(jnp.eye(3, dtype=gram.dtype), gram.shape)
        turns = (jnp.max(jnp.abs(gram - unit), axis=(-2, -1)) < 0.05) & (jnp.linalg.det(matrices) > 0)
        return turns if where is None else turns | ~hide(where, jnp.ones_like(turns))

    value_checks.ensure(legal, f"{name} must be rotation matrices: orthonormal, with determinant 1")


def _angle(predictions: Array, targets: Array) -> Array:
    """Twice the arc of half the angle: its sine is a length of differences, its cosine one of products."""
    chord = norm(difference(predictions, targets), axis=(-2, -1))
    half_sine = chord / math.sqrt(8)
    far = chord > 2
    relative = jnp.einsum("...ji,...jk->...ik", targets, predictions, precision="highest")
    vector = jnp.stack([relative[..., k - 1, k - 2] - relative[..., k - 2, k - 1] for k in range(3)], axis=-1)
    one = jnp.ones((), chord.dtype)
    of_small = jnp.sqrt(jnp.where(far, one, (1 - half_sine) * (1 + half_sine)))
    of_large = quotient(norm(vector), jnp.where(far, 4 * half_sine, one))
    return 2 * jnp.arctan2(half_sine, jnp.where(far, of_large, of_small))


def quaternion_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared sine of half the angle between two rotations that are given as quaternions.

    .. math:: \ell = 1 - \left( \frac{\langle \hat q, q \rangle}{\lVert \hat q \rVert \lVert q \rVert} \right)^2
              = \sin^2 \frac{\theta}{2}

    A quaternion and its negative are the same rotation, and the loss of both is the same. The order of the four numbers
    does not matter as long as both have the same. Lengths do not matter either; the gradient is perpendicular to
    ``predictions`` and falls with their length, as that of `jaxloss.cosine_distance`. The angle in radians is
    ``2 * jnp.arcsin(jnp.sqrt(loss))`` of each rotation, for reports.

    Args:
        predictions: Quaternions :math:`\hat q`, shape ``[..., 4]``, floating; they need not have length 1.
        targets: Quaternions :math:`q`, shape ``[..., 4]``, the same; never broadcast.
        where, weights: One per rotation, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar within [0, 1]; 0 exactly for equal rotations, with zero gradient there. A quaternion of zeros has the
        loss 1 and no gradient.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ or do not end with 4.

    Example:
        >>> quarter = jnp.array([1.0, 0.0, 0.0, 1.0])  # a quarter turn, real part first
        >>> print(f"{jaxloss.quaternion_distance(quarter, jnp.array([-1.0, 0.0, 0.0, 0.0])):.4f}")
        0.5000

    Reference:
        Huynh (2009), Metrics for 3D Rotations: Comparison and Analysis. https://doi.org/10.1007/s10851-009-0161-2
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("components", predictions=predictions)
    checks.has_shape((*predictions.shape[:-1], 4), "four components per quaternion", predictions=predictions)
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    towards = jax.lax.stop_gradient(half_squared_chord(predictions, targets))
    nearest = jnp.where(towards > 1, -1, 1).astype(targets.dtype)[..., None] * targets
    lack = half_squared_chord(predictions, nearest)
    return reduce(lack * (2 - lack), where=where, weights=weights, reduction=reduction)
