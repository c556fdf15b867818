"""Functions whose plain formula cancels or overflows: quotients and differences of log-gammas.

The derivatives of all of them are as accurate as their values.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.log_ratios import arctanh_tail, gap_curvature, gap_quotient
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.typing import Array

__all__ = [
    "half_step",
    "log1p_quotient",
    "log_factorial_below_one",
    "quadratic",
    "stirling_error",
    "stirling_error_from_one_on",
    "stirling_error_of_inverse",
]

START = 9
"""From here on that series has the digits of float64."""

STIRLING = tuple(a / b for a, b in ((1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360360), (1, 156)))
"""The coefficients of 1/x, 1/x^3, ... in the asymptotic series of `stirling_error`."""

SHORT = (
    -0.00277749675,
    -4.29188293e-06,
    0.00081517977,
    -2.21405496e-05,
    -0.000777415693,
    0.000781599996,
    -0.000351059268,
    6.37578374e-05,
)
"""``(stirling_error(x) - 1 / (12 x)) x**3`` by powers of 1/x, fitted for x >= 1 and float32.

It and its slope are within 5e-9 and 2e-8 of those of the whole.
"""


@jax.custom_jvp
def quadratic(x: Array, y: Array) -> Array:
    """``x**2 / y`` for ``y > 0``: it and its slopes overflow only where they are too large themselves."""
    return x * quotient(x, y)


@quadratic.defjvp
def _quadratic_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # XLA on CPU would store a quotient that value and slope share.
    (x, y), (dx, dy) = apart_on_cpu(*primals), tangents
    slope = quotient(x, y)
    # In this order a cotangent of 0 stays 0 even where the square of the quotient overflows.
    return quadratic(*primals), 2 * slope * dx - slope * (slope * dy)


def _log1p_quotient_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,) = primals
    curve = gap_curvature(jnp.ones_like(x), 1 + x, -x)
    return log1p_quotient(x), -curve * jnp.square(1 / (1 + x)) * tangents[0]


@with_rule(_log1p_quotient_jvp)
def log1p_quotient(x: Array) -> Array:
    """``log(1 + x) / x`` for ``x >= 0``, which is 1 at 0."""
    near, one = x <= 1, jnp.ones((), x.dtype)
    logarithm = jnp.where(near, log1p_near(jnp.where(near, x, 0 * one)), jnp.log(1 + x))
    return jnp.where(x == 0, one, logarithm / jnp.where(x == 0, one, x))


def _stirling_series(inverse: Array) -> Array:
    square = jnp.square(inverse)
    total = jnp.full_like(inverse, STIRLING[-1])
    for coefficient in STIRLING[-2::-1]:
        total = total * square + coefficient
    return inverse * total


def _stirling_shifted(x: Array) -> Array:
    """`stirling_error` by Gudermann's series of positive terms ``(x + k + 1/2) log(1 + 1 / (x + k)) - 1``."""
    small = x < 1
    one = jnp.ones((), x.dtype)
    below, above = jnp.where(small, x, one), jnp.where(small, one, x)
    total = _stirling_series(quotient(one * jnp.ones_like(x), x + START))
    for k in range(START):
        shifted = above if k == 0 else x + k
        square = jnp.square(1 / (2 * shifted + 1))
        terms = math.ceil(38 / (2 * math.log(2 * max(k, 1) + 1)))
        term = square * arctanh_tail(square, terms)
        if k == 0:
            term = jnp.where(small, (below + 0.5) * (log1p_near(below) - jnp.log(below)) - 1, term)
        total = total + term
    return total


def _stirling_short(inverse: Array) -> Array:
    """`stirling_error` of ``1 / inverse`` for ``inverse <= 1``, in float32."""
    series = jnp.full_like(inverse, SHORT[-1])
    for coefficient in SHORT[-2::-1]:
        series = series * inverse + coefficient
    return inverse * (1 / 12 + jnp.square(inverse) * series)


def stirling_error_from_one_on(x: Array) -> Array:
    """`stirling_error` for ``x >= 1``."""
    return _stirling_long(x) if x.dtype == jnp.float64 else _stirling_short(1 / x)


def stirling_error(x: Array) -> Array:
    """``log Gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2`` for ``x > 0``; about ``1 / (12 x)``."""
    if x.dtype == jnp.float64:
        return _stirling_long(x)
    small = x < 1
    series = _stirling_short(1 / jnp.where(small, x + 1, x))
    below = jnp.where(small, x, jnp.ones((), x.dtype))
    return jnp.where(small, series + (below + 0.5) * (log1p_near(below) - jnp.log(below)) - 1, series)


def _stirling_long(x: Array) -> Array:
    """The same in float64."""
    large = x >= START
    at = jnp.full((), START, x.dtype)
    series = _stirling_series(1 / jnp.where(large, x, at))
    return jnp.where(large, series, _stirling_shifted(jnp.where(large, at, x)))


def stirling_error_of_inverse(inverse: Array) -> Array:
    """`stirling_error` of ``1 / inverse``: smooth down to 0 at 0."""
    if inverse.dtype == jnp.float64:
        large, at = inverse * START <= 1, jnp.full((), 1 / START, inverse.dtype)
        shifted = _stirling_shifted(quotient(jnp.ones_like(inverse), jnp.where(large, at, inverse)))
        return jnp.where(large, _stirling_series(jnp.where(large, inverse, at)), shifted)
    large, one = inverse <= 1, jnp.ones((), inverse.dtype)
    above = jnp.where(large, one, inverse)
    below = quotient(one * jnp.ones_like(inverse), above)
    series = _stirling_short(jnp.where(large, inverse, 1 / (1 + below)))
    return jnp.where(large, series, series + (below + 0.5) * (log1p_near(below) - jnp.log(below)) - 1)


def half_step(x: Array) -> Array:
    """``log Gamma(x + 1/2) - log Gamma(x) - log(x) / 2`` for ``x > 0``; about ``-1 / (8 x)``."""
    inverse = quotient(0.5 * jnp.ones_like(x), x)
    narrow = gap_quotient(1 + inverse, jnp.ones_like(x), inverse)
    return stirling_error(x + 0.5) - stirling_error(x) - 0.5 * narrow


def log_factorial_below_one(x: Array, error: Array) -> Array:
    """``log Gamma(x + 1)`` for ``x`` in ``[0, 1)``, from the `stirling_error` of ``x + 1``; exactly 0 at 0."""
    value = error + (x + 0.5) * log1p_near(x) - x + (0.5 * LOG_2PI - 1)
    return value - jax.lax.stop_gradient(jnp.where(x == 0, value, jnp.zeros((), x.dtype)))
