"""The rotation that turns one set of points best to another, with a derivative that no singular value spoils."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.typing import Array

__all__ = ["nearest_rotation"]


@jax.custom_jvp
def nearest_rotation(matrix: Array) -> Array:
    r"""The rotation :math:`R` with the largest :math:`\operatorname{tr}(R^\top M)`, of matrices of 2 or 3 rows.

    Entries of ``matrix`` are of the size of 1. Where several rotations are best, the derivative is 0.
    """
    left, _, right = jnp.linalg.svd(matrix)
    turns = jnp.linalg.det(left) * jnp.linalg.det(right) > 0
    last = jnp.where(turns, 1, -1).astype(matrix.dtype)[..., None, None]
    signs = jnp.concatenate([jnp.ones((*last.shape[:-1], matrix.shape[-1] - 1), matrix.dtype), last], axis=-1)
    rotation = _product(left * signs, right)
    # One step more: the decomposition is off by several units in the last place, on accelerators by many.
    return rotation + _product(rotation, _spin(rotation, matrix, matrix))


def _product(x: Array, y: Array) -> Array:
    return jnp.matmul(x, y, precision="highest")


def _spin(rotation: Array, matrix: Array, change: Array) -> Array:
    r"""The skew :math:`\Omega` by which ``rotation`` turns when ``matrix`` changes."""
    back = jnp.swapaxes(rotation, -1, -2)
    turned = _product(back, change)
    return _skew_solution(_product(back, matrix), turned - jnp.swapaxes(turned, -1, -2))


@nearest_rotation.defjvp
def _nearest_rotation_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    r"""With :math:`S = R^\top M`, which is symmetric, the tangent is :math:`R \Omega` with a skew matrix that solves

    .. math:: \Omega S + S \Omega = R^\top \dot M - \dot M^\top R

    Of the singular values only sums of two occur. The derivative of a singular value decomposition divides by their
    differences, which are 0 for every symmetric pose.
    """
    (matrix,), (matrix_dot,) = primals, tangents
    rotation = nearest_rotation(matrix)
    return rotation, _product(rotation, _spin(rotation, matrix, matrix_dot))


def _skew_solution(symmetric: Array, skew: Array) -> Array:
    trace = jnp.trace(symmetric, axis1=-2, axis2=-1)[..., None, None]
    if symmetric.shape[-1] == 2:
        return _unless_degenerate(skew, trace, jnp.max(jnp.abs(symmetric), axis=(-2, -1), keepdims=True))
    # For three rows it is a linear system of the axial vectors, solved by cofactors.
    system = trace * jnp.eye(3, dtype=symmetric.dtype).reshape((1,) * (symmetric.ndim - 2) + (3, 3)) - symmetric
    cofactors = jnp.stack(
        [jnp.cross(system[..., (k + 1) % 3, :], system[..., (k + 2) % 3, :]) for k in range(3)], axis=-2
    )
    determinant = jnp.sum(system[..., 0, :] * cofactors[..., 0, :], axis=-1)[..., None]
    axial = jnp.stack([skew[..., k - 1, k - 2] for k in range(3)], axis=-1)
    solved = jnp.sum(cofactors * axial[..., None], axis=-2)
    x, y, z = jnp.moveaxis(_unless_degenerate(solved, determinant, trace[..., 0] ** 3), -1, 0)
    zero = jnp.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def _unless_degenerate(numerator: Array, denominator: Array, size: Array) -> Array:
    """Their ratio, and 0 where the denominator is nothing but rounding errors of terms of ``size``."""
    noise = 32 * float(jnp.finfo(denominator.dtype).eps)
    kept = jnp.where(jnp.abs(denominator) > noise * jnp.abs(size), denominator, jnp.zeros((), denominator.dtype))
    return divide(numerator, jnp.broadcast_to(kept, numerator.shape))
