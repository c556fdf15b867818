"""Penalties on the structure of weights: whole units that vanish, columns that are orthonormal."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array
from jaxloss.penalties._trees import Mask, counted_leaves, total

__all__ = ["group_lasso_penalty", "weight_orthogonality_penalty"]


def _columns(leaf: Array) -> Array:
    """``[inputs, units]``: a kernel flat but for its last axis; a vector is a row of units."""
    units = leaf.shape[-1] if leaf.ndim else 1
    return jnp.reshape(leaf, (math.prod(leaf.shape[:-1]), units))


def group_lasso_penalty(params: Any, *, mask: Mask | None = None) -> Array:
    r"""Group lasso penalty: sum of the norms of the weights into each unit, which drives whole units to 0.

    .. math:: \ell = \sum_g \sqrt{d_g} \, \lVert \theta_g \rVert_2

    A group are the entries with one index of the last axis, ``[..., in, out]`` being JAX's order; :math:`d_g` is
    their number. Transpose a kernel to group by input. In a vector, such as a bias, every entry is a group. The sparse
    group lasso, which drives single weights to 0 as well, is the sum of this and `jaxloss.l1_penalty`, each with a
    factor.

    Args:
        params, mask: As in `l2_penalty`.

    Returns:
        A scalar >= 0, 0 exactly at 0; float32, or float64 if a leaf is. A group that is 0 has zero gradient.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` gives something other than True or False.
        ValueError: If the structure of ``mask`` does not match ``params``.

    Example:
        >>> kernel = jnp.array([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
        >>> jaxloss.group_lasso_penalty({"kernel": kernel})
        Array(10., dtype=float32)

    Reference:
        Yuan and Lin (2006), Model Selection and Estimation in Regression with Grouped Variables.
        https://doi.org/10.1111/j.1467-9868.2005.00532.x
    """
    groups = [_columns(leaf) for leaf in counted_leaves(params, mask)]
    return total([math.sqrt(columns.shape[0]) * jnp.sum(numerics.norm(columns, axis=0)) for columns in groups])


def weight_orthogonality_penalty(params: Any, *, mask: Mask | None = None) -> Array:
    r"""Weight orthogonality penalty: squared distance of the Gram matrices of weights from the identity.

    .. math:: \ell = \sum_W \lVert W^\top W - I \rVert_F^2

    A kernel ``[..., in, out]`` is flattened to a matrix of ``out`` columns, or rows if there are fewer of these, so
    that 0 can be reached; for a wide matrix that leaves out the constant out - in. Vectors and scalars are ignored.
    (Keras's ``OrthogonalRegularizer`` is another function: the mean absolute cosine between rows.)

    Args:
        params, mask: As in `l2_penalty`.

    Returns:
        A scalar >= 0; float32, or float64 if a leaf is.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` gives something other than True or False.
        ValueError: If the structure of ``mask`` does not match ``params``.

    Example:
        >>> jaxloss.weight_orthogonality_penalty({"kernel": 2 * jnp.eye(2), "bias": jnp.ones(2)})
        Array(18., dtype=float32)

    Reference:
        Brock, Donahue and Simonyan (2019), Large Scale GAN Training for High Fidelity Natural Image Synthesis.
        https://arxiv.org/abs/1809.11096
    """
    return total([_distance_from_orthonormal(_columns(x)) for x in counted_leaves(params, mask) if x.ndim > 1])


def _distance_from_orthonormal(matrix: Array) -> Array:
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    gram = jnp.matmul(tall.T, tall, precision=jax.lax.Precision.HIGHEST)
    return jnp.sum(jnp.square(gram - jnp.eye(gram.shape[0], dtype=gram.dtype)))
