"""Functions whose plain formula cancels or overflows: quotients, logarithms near 1, differences of log-gammas.

The derivatives of all of them are as accurate as their values.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor.numerics import quotient
from jaxloss._floor.typing import Array

__all__ = [
    "LOG_2PI",
    "gap",
    "gap_quotient",
    "half_step",
    "log1p_quotient",
    "log_factorial_below_one",
    "quadratic",
    "stirling_error",
    "stirling_error_of_inverse",
]

LOG_2PI = math.log(2 * math.pi)

STIRLING = tuple(a / b for a, b in ((1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360360), (1, 156)))
"""The coefficients of 1/x, 1/x^3, ... in the asymptotic series of `stirling_error`."""


@jax.custom_jvp
def quadratic(x: Array, y: Array) -> Array:
    """``x**2 / y`` for ``y > 0``: it and its slopes overflow only where they are too large themselves."""
    return x * quotient(x, y)


@quadratic.defjvp
def _quadratic_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    slope = quotient(x, y)
    # In this order a cotangent of 0 stays 0 even where the square of the quotient overflows.
    return x * slope, 2 * slope * dx - slope * (slope * dy)


def _wide(x: Array) -> bool:
    return x.dtype == jnp.float64


def _arctanh_tail(square: Array, terms: int) -> Array:
    """``(arctanh(t) / t - 1) / t**2`` of ``square = t**2``, by its power series."""
    total = jnp.full_like(square, 1 / (2 * terms + 1))
    for k in range(terms - 1, 0, -1):
        total = total * square + 1 / (2 * k + 1)
    return total


def _gap_parts(p: Array, q: Array, difference: Array) -> tuple[Array, Array, Array, Array]:
    """``(is p / q in [1/2, 2], p / q - 1, t, 2 t**2 * tail)`` with ``t = (p - q) / (p + q)``, blanked if it is not."""
    near = (p >= 0.5 * q) & (q >= 0.5 * p)
    excess = quotient(difference, q)
    one = jnp.ones((), p.dtype)
    half_sum = 0.5 * jnp.where(near, p, one) + 0.5 * jnp.where(near, q, one)
    t = quotient(0.5 * jnp.where(near, difference, jnp.zeros((), p.dtype)), half_sum)
    square = jnp.square(t)
    return near, excess, t, 2 * square * _arctanh_tail(square, 16 if _wide(p) else 7)


def _log_ratio(p: Array, q: Array) -> Array:
    share = quotient(p, q)
    tiny = float(jnp.finfo(p.dtype).tiny)
    lost = (share < tiny) | (share > 1 / tiny)
    return jnp.where(lost, jnp.log(p) - jnp.log(q), jnp.log(jnp.where(lost, jnp.ones((), p.dtype), share)))


@jax.custom_jvp
def gap(p: Array, q: Array, difference: Array) -> Array:
    """``p / q - 1 - log(p / q)`` for positive ``p`` and ``q``, from them and ``difference = p - q``.

    Never negative and exactly 0 for equal arguments. ``difference`` is what the caller knows it to be; its
    own tangent is not looked at.
    """
    near, excess, t, tail = _gap_parts(p, q, difference)
    return jnp.where(near, t * (excess - tail), excess - _log_ratio(p, q))


@gap.defjvp
def _gap_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (p, q, difference), (dp, dq, _) = primals, tangents
    return gap(p, q, difference), quotient(difference, q) * (quotient(dp, p) - quotient(dq, q))


def gap_quotient(p: Array, q: Array, difference: Array) -> Array:
    """`gap` over ``p / q - 1``: ``1 - log(1 + x) / x`` at ``x = p / q - 1``, which is 0 at 0."""
    near, excess, _, tail = _gap_parts(p, q, difference)
    one = jnp.ones((), p.dtype)
    far = 1 - _log_ratio(jnp.where(near, one + 1, p), jnp.where(near, one, q)) / jnp.where(near, one, excess)
    close = (jnp.where(near, excess, 0 * one) - tail) / (2 + jnp.where(near, excess, 0 * one))
    return jnp.where(near, close, far)


def log1p_quotient(x: Array) -> Array:
    """``log(1 + x) / x`` for ``x >= 0``, which is 1 at 0."""
    near = x <= 1
    one = jnp.ones((), x.dtype)
    small, large = jnp.where(near, x, 0 * one), jnp.where(near, one, x)
    return jnp.where(near, 1 - gap_quotient(1 + small, one * jnp.ones_like(x), small), jnp.log1p(large) / large)


def _stirling_series(inverse: Array) -> Array:
    square = jnp.square(inverse)
    total = jnp.full_like(inverse, STIRLING[-1])
    for coefficient in STIRLING[-2::-1]:
        total = total * square + coefficient
    return inverse * total


def _stirling_start(dtype: jnp.dtype) -> int:
    return 9 if dtype == jnp.float64 else 3


def _stirling_shifted(x: Array) -> Array:
    """`stirling_error` by Gudermann's series of positive terms ``(x + k + 1/2) log(1 + 1 / (x + k)) - 1``."""
    start = _stirling_start(x.dtype)
    small = x < 1
    one = jnp.ones((), x.dtype)
    below, above = jnp.where(small, x, one), jnp.where(small, one, x)
    digits = 38.0 if _wide(x) else 17.0
    total = _stirling_series(quotient(one * jnp.ones_like(x), x + start))
    for k in range(start):
        shifted = above if k == 0 else x + k
        square = jnp.square(1 / (2 * shifted + 1))
        terms = math.ceil(digits / (2 * math.log(2 * max(k, 1) + 1)))
        term = square * _arctanh_tail(square, terms)
        if k == 0:
            term = jnp.where(small, (below + 0.5) * (jnp.log1p(below) - jnp.log(below)) - 1, term)
        total = total + term
    return total


def stirling_error(x: Array) -> Array:
    """``log Gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2`` for ``x > 0``; about ``1 / (12 x)``."""
    start = _stirling_start(x.dtype)
    large = x >= start
    at = jnp.full((), start, x.dtype)
    series = _stirling_series(1 / jnp.where(large, x, at))
    return jnp.where(large, series, _stirling_shifted(jnp.where(large, at, x)))


def stirling_error_of_inverse(inverse: Array) -> Array:
    """`stirling_error` of ``1 / inverse``: smooth down to 0 at 0."""
    start = _stirling_start(inverse.dtype)
    large = inverse * start <= 1
    at = jnp.full((), 1 / start, inverse.dtype)
    shifted = _stirling_shifted(quotient(jnp.ones_like(inverse), jnp.where(large, at, inverse)))
    return jnp.where(large, _stirling_series(jnp.where(large, inverse, at)), shifted)


def half_step(x: Array) -> Array:
    """``log Gamma(x + 1/2) - log Gamma(x) - log(x) / 2`` for ``x > 0``; about ``-1 / (8 x)``."""
    inverse = quotient(0.5 * jnp.ones_like(x), x)
    narrow = gap_quotient(1 + inverse, jnp.ones_like(x), inverse)
    return stirling_error(x + 0.5) - stirling_error(x) - 0.5 * narrow


def log_factorial_below_one(x: Array) -> Array:
    """``log Gamma(x + 1)`` for ``x`` in ``[0, 1)``; exactly 0 at 0."""
    value = stirling_error(x + 1) + (x + 0.5) * jnp.log1p(x) - x + (0.5 * LOG_2PI - 1)
    return value - jax.lax.stop_gradient(jnp.where(x == 0, value, jnp.zeros((), x.dtype)))
