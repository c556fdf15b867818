"""The orthogonal factor of the polar decomposition, with a derivative that equal singular values do not spoil."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.typing import Array

__all__ = ["orthogonal_factor"]


@jax.custom_jvp
def orthogonal_factor(matrix: Array) -> Array:
    r"""The orthogonal :math:`Q` with the largest :math:`\operatorname{tr}(Q^\top M)`, of square matrices."""
    left, _, right = jnp.linalg.svd(matrix)
    return jnp.matmul(left, right, precision="highest")


@orthogonal_factor.defjvp
def _orthogonal_factor_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    r"""With :math:`S = Q^\top M`, which is symmetric, the tangent is :math:`Q \Omega` with a skew matrix that solves

    .. math:: \Omega S + S \Omega = Q^\top \dot M - \dot M^\top Q

    In the eigenvectors of :math:`S` its entries are divided by sums of two singular values. Where both are 0 the factor
    is not unique, and the derivative is taken as 0.
    """
    (matrix,), (matrix_dot,) = primals, tangents
    factor = orthogonal_factor(matrix)
    product = lambda x, y: jnp.matmul(x, y, precision="highest")
    back = jnp.swapaxes(factor, -1, -2)
    symmetric, turned = product(back, matrix), product(back, matrix_dot)
    singular, vectors = jnp.linalg.eigh(0.5 * (symmetric + jnp.swapaxes(symmetric, -1, -2)))
    across = jnp.swapaxes(vectors, -1, -2)
    change = product(product(across, turned - jnp.swapaxes(turned, -1, -2)), vectors)
    sums = singular[..., :, None] + singular[..., None, :]
    noise = 32 * float(jnp.finfo(sums.dtype).eps) * jnp.max(singular, axis=-1)[..., None, None]
    kept = jnp.where(sums > noise, sums, jnp.zeros((), sums.dtype))
    spin = product(product(vectors, divide(change, kept)), across)
    return factor, product(factor, spin)
