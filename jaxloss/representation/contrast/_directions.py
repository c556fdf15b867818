"""Cosines of rows whose unit vectors are computed again wherever they are needed, from rows that are in memory anyway.

Contrast in chunks holds the rows, their gradients and one chunk. Normalised copies of all rows would be most of its
memory. A compiler for TPUs makes them while it multiplies. Rows of bfloat16 are multiplied as they are instead, and the
products are scaled: the matrix unit of a TPU makes such products exactly in one pass, and those of float32 in six.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array
from jaxloss.representation._groups import similarities

__all__ = ["Directed", "directed", "direction", "products"]


class Directed(NamedTuple):
    """Rows of which the direction counts.

    Attributes:
        rows: Shape ``[..., N, D]``, bfloat16 or of the dtype of the others.
        power: A power of two for each row, ``[..., N, 1]``, that takes it to where squares neither vanish nor overflow.
        inverse: One over the length of ``rows * power``, 0 for a zero row, ``[..., N, 1]``.
    """

    rows: Array
    power: Array
    inverse: Array


def directed(rows: Array, dtype: Any) -> Directed:
    """``rows`` with their lengths, of ``dtype``."""
    wide = rows.astype(dtype)
    power = 1 / numerics.binary_scale_of(wide)
    length = numerics.sqrt(jnp.sum(jnp.square(wide * power), axis=-1, keepdims=True))
    return Directed(rows, power, numerics.divide(jnp.ones_like(length), length))


@jax.custom_jvp
def direction(of: Directed) -> Array:
    """The rows at length 1; a zero row stays 0, with zero derivatives."""
    return _scaled(of.rows, of)


@direction.defjvp
def _direction_jvp(primals: tuple[Directed], tangents: tuple[Directed]) -> tuple[Array, Array]:
    (of,), (dot,) = primals, tangents
    value, tangent = direction(of), _scaled(dot.rows, of)
    # The length is that of the rows, so that its tangent is known.
    return value, tangent - value * jnp.sum(value * tangent, axis=-1, keepdims=True)


def _scaled(rows: Array, of: Directed) -> Array:
    return rows.astype(of.power.dtype) * of.power * of.inverse


@jax.custom_jvp
def products(x: Array, y: Array, of_x: Directed, of_y: Directed) -> Array:
    """Inner products ``[..., N, M]`` of ``x`` and ``y``, which are the directions of two sets, without holding them.

    Only the tangents of ``x`` and ``y`` are taken, so that what is summed up over chunks is the gradient of the
    directions, in their dtype, and that of the rows is made once.
    """
    del x, y
    return _between(similarities(_factor(of_x), _factor(of_y)), of_x, of_y)


@products.defjvp
def _products_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x, y, of_x, of_y), (x_dot, y_dot, _, _) = primals, tangents
    tangent = _with(x_dot, y, of_y) + jnp.swapaxes(_with(y_dot, x, of_x), -1, -2)
    return products(x, y, of_x, of_y), tangent


@jax.custom_jvp
def _with(x: Array, y: Array, of_y: Directed) -> Array:
    """`products` of which the first factor is at hand."""
    del y
    return _between(similarities(x, _factor(of_y)), None, of_y)


@_with.defjvp
def _with_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x, y, of_y), (x_dot, y_dot, _) = primals, tangents
    return _with(x, y, of_y), _with(x_dot, y, of_y) + similarities(x, y_dot)


def _factor(of: Directed) -> Array:
    """What is multiplied: bfloat16 rows times their powers of two, which is exact, and otherwise the directions."""
    return of.rows * of.power.astype(of.rows.dtype) if _is_short(of) else _scaled(of.rows, of)


def _between(products: Array, rows: Directed | None, columns: Directed) -> Array:
    """Products of `_factor` as they are between directions."""
    if rows is not None and _is_short(rows):
        products = products * rows.inverse
    return products * jnp.swapaxes(columns.inverse, -1, -2) if _is_short(columns) else products


def _is_short(of: Directed) -> bool:
    return of.rows.dtype == jnp.bfloat16
