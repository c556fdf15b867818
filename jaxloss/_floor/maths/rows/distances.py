"""Lengths of differences between embeddings.

A CPU sums the squares of the differences as they are, and scales them only where a batch has a row whose squares would
leave the range of the dtype. Elsewhere a branch would cost more than the scale.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, Scalar

__all__ = ["euclidean_distance", "vector_distance"]


def vector_distance(x: Array, y: Array, where: Array | None = None, norm_degree: Scalar = 2.0) -> Array:
    """The p-norm of ``x - y`` over the last axis: no overflow in the powers, zero derivatives for equal vectors.

    Vectors of 16 bits are raised on the way. Of rows that ``where`` leaves out the result is 0 and the slope too.
    """
    if isinstance(norm_degree, float) and norm_degree == 2:
        return euclidean_distance(x, y, where)
    x, y = promote(*(hide(where, z, event_ndim=1) for z in (x, y)))
    scale = numerics.scale_of(x - y)
    total = jnp.sum(numerics.power(numerics.magnitude((x - y) / scale), norm_degree), axis=-1)
    return scale[..., 0] * numerics.power(total, 1 / norm_degree)


def _euclidean_distance_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    distance, where = euclidean_distance(*primals), primals[2]
    x, y = apart_on_cpu(*primals[:2])
    # A power of two keeps the inverse of the distance in the range of the dtype.
    far, one = 2.0 ** (jnp.finfo(distance.dtype).maxexp // 2), jnp.ones((), distance.dtype)
    power = jnp.where(distance > far, 1 / far, jnp.where(distance < 1 / far, far, one))
    inverse = numerics.divide(jnp.ones_like(distance), distance * power)
    x, y, x_dot, y_dot = promote(*(hide(where, z, event_ndim=1) for z in (x, y, *tangents[:2])))
    return distance, jnp.sum(((x - y) * power[..., None]) * inverse[..., None] * (x_dot - y_dot), axis=-1)


@with_rule(_euclidean_distance_jvp)
def euclidean_distance(x: Array, y: Array, where: Array | None = None) -> Array:
    """`vector_distance` of degree 2."""
    args = (x, y) if where is None else (x, y, where)
    axes = tuple(dict.fromkeys(axis for arg in args for axis in varying_axes(arg)))
    distance = jax.lax.platform_dependent(*vary_over(args, axes), cpu=_scaled_by_need, default=_scaled)
    return hide(where, distance)


def _scaled(x: Array, y: Array, where: Array | None = None) -> Array:
    # The mask is that of the slope, with which a compiler for TPUs shares what is hidden.
    x, y = promote(*(hide(where, z, event_ndim=1) for z in (x, y)))
    return numerics.norm(x - y)


def _scaled_by_need(x: Array, y: Array, where: Array | None = None) -> Array:
    square = hide(where, jnp.sum(jnp.square(_differences(x, y)), axis=-1), fill=1)
    # Above the bound the squares that vanish are below a rounding error of the sum.
    fits = (square > float(jnp.finfo(square.dtype).tiny) ** 0.5) & jnp.isfinite(square)
    return jax.lax.cond(jnp.all(fits), _root, _unless_equal, square, fits, x, y)


def _unless_equal(square: Array, fits: Array, x: Array, y: Array) -> Array:
    equal = jnp.isfinite(square) & (jnp.max(jnp.abs(_differences(x, y)), axis=-1) == 0)
    return jax.lax.cond(jnp.all(fits | equal), _root, lambda _, *pair: _scaled(*pair), square, x, y)


def _root(square: Array, *_: Array) -> Array:
    # Flat at 0 also where JAX forgets the rule above, as in the second derivative of a `lax.scan`.
    return numerics.sqrt(square)


def _differences(x: Array, y: Array) -> Array:
    """For each use anew: XLA on CPU would store them, and raised vectors that meet several others."""
    return jnp.subtract(*promote(*jax.lax.optimization_barrier((x, y))))
