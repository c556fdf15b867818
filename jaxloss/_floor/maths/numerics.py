"""Guarded elementary functions, each with its promise for value, first and second derivative.

A guard is needed where the mathematics has a limit but floating point, or JAX's derivative rule, has none.
All work in forward and reverse mode and to any order; none hides a NaN or an argument outside its domain.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.typing import Array, Scalar

__all__ = [
    "binary_scale_of",
    "difference",
    "divide",
    "exp_excess",
    "guarded_log",
    "largest",
    "log1mexp",
    "log_sum_exp",
    "magnitude",
    "near_excess",
    "norm",
    "normalize",
    "poison",
    "positive_part",
    "power",
    "quotient",
    "scale_of",
    "smallest",
    "softplus",
    "sqrt",
    "trace_of_nan",
]


@jax.custom_jvp
def magnitude(x: Array) -> Array:
    """``|x|`` with slope 0 at 0, where JAX's own is 1; second derivative 0."""
    return jnp.maximum(x, -x)


magnitude.defjvps(lambda tangent, _, x: tangent * jnp.sign(x))


def trace_of_nan(x: Array) -> Array:
    """0, and NaN where ``x`` is NaN: added to a maximum or minimum, whose NaN XLA on CPU loses in front of a sum."""
    return 0 * jax.nn.sigmoid(jax.lax.stop_gradient(x))


def largest(x: Array) -> Array:
    """The maximum over the last axis; NaN if an entry is, in large arrays too."""
    return jnp.max(x, axis=-1) + jnp.sum(trace_of_nan(x), axis=-1)


def smallest(x: Array) -> Array:
    """The minimum over the last axis; NaN if an entry is, in large arrays too."""
    return -largest(-x)


def positive_part(x: Array) -> Array:
    """``max(x, 0)`` with slope 0 at 0, where JAX's ``maximum`` has 1/2; second derivative 0; NaN stays NaN."""
    return jnp.where(x <= 0, jnp.zeros((), x.dtype), x)


def poison(values: Array, valid: Array) -> Array:
    """``values`` with NaN, in the value and the gradient, where ``valid`` is False.

    The NaN is a Python number: as an array of its own it would end every call under ``jax_debug_nans``.
    """
    return values * jnp.where(valid, jnp.ones((), values.dtype), jnp.nan)


@jax.custom_jvp
def difference(x: Array, y: Array) -> Array:
    """``x - y``, exactly 0 for equal finite arguments.

    A plain subtraction is not, inside a compiled program: a product in front of it is fused into one multiply-add,
    which subtracts the rounded ``y`` from the unrounded ``x``. What that leaves is taken off, as a constant, so that
    the slope is right even where JAX forgets the rule below.
    """
    gap = x - y
    residue = jnp.where((x == y) & jnp.isfinite(x), gap, jnp.zeros((), gap.dtype))
    return gap - jax.lax.stop_gradient(residue)


difference.defjvp(lambda primals, tangents: (difference(*primals), tangents[0] - tangents[1]))


@jax.custom_jvp
def quotient(x: Array, y: Array) -> Array:
    """``x / y``, with derivatives over the whole range of the dtype.

    JAX's own rule multiplies by ``y ** -2``, which overflows below 1e-19 in float32, so that ``0 / y`` has a NaN
    derivative there, and is 0 above 1e23.
    """
    return x / y


@quotient.defjvp
def _quotient_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = primals, tangents
    value = quotient(x, y)
    return value, quotient(x_dot - value * y_dot, y)


def divide(x: Array, y: Array) -> Array:
    """``x / y``, and 0 with zero derivatives where ``y`` is 0."""
    zero = y == 0
    return quotient(jnp.where(zero, jnp.zeros((), x.dtype), x), jnp.where(zero, jnp.ones((), y.dtype), y))


def sqrt(x: Array) -> Array:
    """The square root, with zero derivatives at 0 instead of infinite ones; NaN below 0."""
    zero = x == 0
    return jnp.where(zero, jnp.zeros((), x.dtype), jnp.sqrt(jnp.where(zero, jnp.ones((), x.dtype), x)))


def scale_of(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """The largest magnitude along ``axis``, kept, as a constant to divide by before squaring; 1 if there is none.

    At most the largest number whose reciprocal is normal: XLA multiplies by the reciprocal, and flushes it to 0.
    """
    largest = jnp.max(jnp.abs(jax.lax.stop_gradient(x)), axis=axis, keepdims=True, initial=0)
    largest = jnp.where((largest > 0) & jnp.isfinite(largest), largest, jnp.ones((), x.dtype))
    return jnp.minimum(largest, 1 / float(jnp.finfo(x.dtype).tiny))


def binary_scale_of(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """The power of two near `scale_of`, by which division is exact: what is subtracted afterwards was not rounded."""
    info = jnp.finfo(x.dtype)
    scale = jax.lax.reduce_precision(scale_of(x, axis), exponent_bits=info.nexp, mantissa_bits=0)
    return jnp.maximum(scale, float(info.tiny))


def norm(x: Array, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> Array:
    """The Euclidean norm: no overflow in the squares, zero derivatives at the zero vector."""
    scale = scale_of(x, axis)
    length = scale * sqrt(jnp.sum(jnp.square(x / scale), axis=axis, keepdims=True))
    return length if keepdims else jnp.squeeze(length, axis)


def normalize(x: Array, axis: int = -1) -> Array:
    """``x`` over its Euclidean norm; 0 with zero derivatives at the zero vector."""
    x = x / scale_of(x, axis)
    return divide(x, jnp.broadcast_to(norm(x, axis=axis, keepdims=True), x.shape))


def guarded_log(x: Array, floor: Scalar) -> Array:
    """``log(x)`` for ``x >= floor``, its tangent at ``floor`` below: slope ``1 / floor`` at 0, never infinite, never 0.

    NaN below 0. ``floor`` is the smallest normal number of the dtype that the data came in, so that the
    slope is finite in that dtype and every normal ``x`` has its exact logarithm.
    """
    low = (x >= 0) & (x < floor)
    safe = jnp.where(low, jnp.asarray(floor, x.dtype), x)
    below = jnp.log(jnp.asarray(floor, x.dtype)) + (x - floor) / floor
    return jnp.where(low, below, jnp.log(safe))


def power(x: Array, exponent: Scalar) -> Array:
    """``x ** exponent`` for ``x >= 0``, with finite derivatives down to 0 and zero ones at 0 (and ``0 ** 0 = 1``).

    A concrete small whole exponent becomes multiplications, which XLA does not find by itself.
    """
    if isinstance(exponent, float) and exponent in (0.0, 1.0, 2.0, 3.0, 4.0):
        return jax.lax.integer_pow(x, int(exponent))
    return _power(x, jnp.asarray(exponent, x.dtype))


@jax.custom_jvp
def _power(x: Array, exponent: Array) -> Array:
    zero = x == 0
    rest = jnp.where(exponent == 0, jnp.ones((), x.dtype), jnp.zeros((), x.dtype))
    return jnp.where(zero, rest, jnp.power(jnp.where(zero, jnp.ones((), x.dtype), x), exponent))


@_power.defjvp
def _power_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    x, exponent = primals
    value = _power(x, exponent)
    # Its logarithmic derivative: below the floor, whose square does not overflow in float32, the power is as small.
    floored = jnp.maximum(x, 1e-18)
    return value, value * (exponent * (tangents[0] / floored) + jnp.log(floored) * tangents[1])


@jax.custom_jvp
def softplus(x: Array) -> Array:
    """``log(1 + exp(x))`` to full relative accuracy at both ends; its slope is the logistic sigmoid."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


softplus.defjvps(lambda tangent, _, x: tangent * jax.nn.sigmoid(x))


def log1mexp(x: Array) -> Array:
    """``log(1 - exp(x))`` for ``x < 0`` to full relative accuracy at both ends; -inf at 0, NaN above."""
    near = x > -math.log(2.0)
    low = jnp.where(near, -jnp.ones((), x.dtype), x)
    high = jnp.where(near, x, -jnp.ones((), x.dtype))
    return jnp.where(near, jnp.log(-jnp.expm1(high)), jnp.log1p(-jnp.exp(low)))


@jax.custom_jvp
def log_sum_exp(x: Array) -> Array:
    """``log(sum(exp(x)))`` over the last axis, whose slope is the softmax; entries of -inf are absent."""
    return _peak_and_spread(x)[0]


@log_sum_exp.defjvp
def _log_sum_exp_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    _, peak, total = _peak_and_spread(x)
    share = jnp.exp(x - peak[..., None]) * divide(jnp.ones((), x.dtype), total)[..., None]
    # The value by this rule again, so that the second derivative of a row without entries is 0 as well.
    return log_sum_exp(x), jnp.sum(share * tangent, axis=-1)


def _peak_and_spread(x: Array) -> tuple[Array, Array, Array]:
    """``(log_sum_exp, m, sum(exp(x - m)))`` with m the maximum, or 0 if there is no finite one."""
    peak = jax.lax.stop_gradient(jnp.max(x, axis=-1, initial=-jnp.inf))
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), x.dtype), peak)
    total = jnp.sum(jnp.exp(x - peak[..., None]), axis=-1)
    # The second derivative of a `lax.scan` is that of this code, without the rule above.
    absent = total == 0
    logarithm = jnp.where(absent, -jnp.inf, jnp.log(jnp.where(absent, jnp.ones((), x.dtype), total)))
    return peak + logarithm, peak, total


_EXCESS_SERIES = tuple(1 / math.factorial(k + 2) for k in range(23))
"""Coefficients of ``(exp(x) - 1 - x) / x**2``: full float64 precision for ``-1 <= x <= 2``."""

_EXCESS_SHORT = tuple(
    float(c)
    for c in np.polynomial.Chebyshev.interpolate(np.polynomial.Polynomial(_EXCESS_SERIES), 7, domain=[-1, 1.25])
    .convert(kind=np.polynomial.Polynomial)
    .coef
)
"""The same for ``-1 <= x <= 1.25`` and float32: within 2e-8 of the series, with eight coefficients."""


def near_excess(x: Array) -> tuple[Array, Array, Array]:
    """Whether ``x`` is near 0; ``x``, or 0 if it is not; and ``exp(x) - 1 - x`` of that, to full relative accuracy."""
    near = (x > -1) & (x < 1.25)
    small = jnp.where(near, x, jnp.zeros((), x.dtype))
    coefficients = _EXCESS_SERIES if x.dtype == jnp.float64 else _EXCESS_SHORT
    series = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        series = series * small + coefficient
    return near, small, jnp.square(small) * series


@jax.custom_jvp
def exp_excess(x: Array) -> Array:
    """``exp(x) - 1 - x`` to full relative accuracy, also near 0 where it is ``x**2 / 2``; its slope is ``expm1``."""
    near, _, close = near_excess(x)
    return jnp.where(near, close, jnp.exp(x) - (1 + x))


@exp_excess.defjvp
def _exp_excess_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    near, small, close = near_excess(x)
    # expm1 of what is at hand: XLA on CPU takes several times as long for it as for an exponential.
    slope = jnp.where(near, small + close, jnp.exp(x) - 1)
    return exp_excess(x), slope * tangent
