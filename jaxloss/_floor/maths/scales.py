"""Powers of two that keep sums of losses and weights in the range of the dtype: products with them are exact."""

from __future__ import annotations

import functools
import math
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.core import max_dim
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor.typing import Array, AxisName, Scalar

__all__ = ["at_unit_scale", "scaled_product", "scaled_total", "size_and_shrink", "square_shrink", "unit_power"]


def size_and_shrink(values: Array, axis: int | None) -> tuple[Scalar, Scalar]:
    """The number of entries, at least 1, and a power of two that is at most its inverse.

    Multiplication by it is exact, and keeps the sum of numbers near the maximum of the dtype from overflowing.
    """
    size = max_dim(values.size if axis is None else values.shape[axis], 1)
    if isinstance(size, int):
        return size, 2.0 ** -(size - 1).bit_length()
    # A symbolic size of `jax.export` is known when the program runs, not when it is built.
    bits = 32 - jax.lax.clz(jnp.asarray(size - 1, jnp.int32))
    return jnp.asarray(size, values.dtype), jnp.ldexp(jnp.ones((), values.dtype), -bits)


def square_shrink(values: Array) -> tuple[Scalar, Scalar]:
    """The number of entries, at least 1, and a power of two whose square is at most its inverse."""
    size, shrink = size_and_shrink(values, None)
    if isinstance(shrink, float):
        return size, 2.0 ** math.floor(0.5 * math.log2(shrink))
    _, exponent = jnp.frexp(shrink)
    return size, jnp.ldexp(jnp.ones((), values.dtype), (exponent - 1) // 2)


def unit_power(mass: Array, axis: int | None, axis_name: AxisName | None) -> Array:
    """The power of two that takes the largest mass along ``axis``, which is kept, into [1/2, 1)."""
    peak = jnp.max(jax.lax.stop_gradient(mass), axis, keepdims=True, initial=0)
    return _power_below(jax.lax.pmax(peak, axis_name) if axis_name else peak)


def _power_below(peak: Array) -> Array:
    """The power of two that takes ``peak`` into [1/2, 1)."""
    _, exponent = jnp.frexp(peak)
    # Not below the smallest normal power of two, which a device may take for 0.
    power = jnp.maximum(-exponent, jnp.finfo(peak.dtype).minexp)
    return jnp.ldexp(jnp.ones((), peak.dtype), power)


def at_unit_scale(mass: Array, axis: int | None = None, axis_name: AxisName | None = None) -> Array:
    """``mass`` times the power of two that takes its largest entry along ``axis`` into [1/2, 1); booleans as they are.

    This is exact, and neither the sum of the masses nor their products with losses leave the range of the dtype. Over
    the devices along ``axis_name`` the power is the same.
    """
    return mass if mass.dtype == jnp.bool_ else mass * unit_power(mass, axis, axis_name)


_Scaled: TypeAlias = tuple[Array, Array, Array]


@jax.custom_jvp
def scaled_total(mass: Array) -> _Scaled:
    """The sum of all masses times ``shrink`` and ``power``, and these: powers of two for `scaled_product`.

    Without derivatives of their own, they keep the sum of such products in the range of the dtype.
    """
    return jax.lax.platform_dependent(mass, cpu=_total_by_sum, default=_total_by_peak)


@functools.partial(scaled_total.defjvp, symbolic_zeros=True)
def _scaled_total_jvp(primals: tuple[Array], tangents: tuple[Any]) -> tuple[_Scaled, _Scaled]:
    (mass,), (mass_dot,) = primals, tangents
    whole, shrink, power = scaled_total(mass)
    still = isinstance(mass_dot, SymbolicZero)
    whole_dot = jnp.zeros_like(whole) if still else jnp.sum(mass_dot * jax.lax.optimization_barrier(power)) * shrink
    return (whole, shrink, power), (whole_dot, jnp.zeros_like(shrink), jnp.zeros_like(power))


def _total_by_peak(mass: Array) -> _Scaled:
    shrink = jnp.asarray(size_and_shrink(mass, None)[1], mass.dtype)
    power = jnp.reshape(unit_power(mass, None, None), ())
    # A number of its own, as in the slope.
    return jnp.sum(mass * jax.lax.optimization_barrier(power)) * shrink, shrink, power


def _total_by_sum(mass: Array) -> _Scaled:
    """The same without a look for the largest mass if the sum is of ordinary size: one pass less over the masses."""
    total, one, far = jnp.sum(mass), jnp.ones((), mass.dtype), 2.0**60

    def ordinary(_: Array) -> _Scaled:
        power = _power_below(total)
        return total * power, one, power

    return jax.lax.cond((total > 1 / far) & (total < far), ordinary, _total_by_peak, mass)


@jax.custom_jvp
def scaled_product(values: Array, mass: Array, shrink: Array, power: Array) -> Array:
    """``values * mass``, each times its power of two first; the powers have no derivatives."""
    return (values * shrink) * (mass * power)


@functools.partial(scaled_product.defjvp, symbolic_zeros=True)
def _scaled_product_jvp(primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    values, mass, *scales = primals
    values_dot, mass_dot, *_ = tangents
    # Other numbers than those of the value: XLA on CPU stores a scaled array that value and slope share.
    scales = jax.lax.optimization_barrier(scales)
    parts = [] if isinstance(values_dot, SymbolicZero) else [scaled_product(values_dot, mass, *scales)]
    parts += [] if isinstance(mass_dot, SymbolicZero) else [scaled_product(values, mass_dot, *scales)]
    return scaled_product(*primals), sum(parts[1:], parts[0])
