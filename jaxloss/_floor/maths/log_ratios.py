"""The gap between a ratio less 1 and its logarithm, which is 0 to second order for equal arguments: no cancellation."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import difference, quotient
from jaxloss._floor.typing import Array

__all__ = ["arctanh_tail", "gap", "gap_curvature", "gap_quotient", "log_quotient", "log_ratio"]


def arctanh_tail(square: Array, terms: int) -> Array:
    """``(arctanh(t) / t - 1) / t**2`` of ``square = t**2``, by its power series."""
    total = jnp.full_like(square, 1 / (2 * terms + 1))
    for k in range(terms - 1, 0, -1):
        total = total * square + 1 / (2 * k + 1)
    return total


def _gap_parts(p: Array, q: Array, difference: Array) -> tuple[Array, Array, Array, Array]:
    """``(is p / q in [1/2, 2], p / q - 1, t, 2 t**2 * tail)`` with ``t = (p - q) / (p + q)``, blanked if it is not."""
    near = (p >= 0.5 * q) & (q >= 0.5 * p)
    one = jnp.ones((), p.dtype)
    # Selected, for XLA on CPU stores a quotient that is used more than once.
    excess = jnp.where(q > 0, quotient(difference, q), jnp.nan)
    half_sum = 0.5 * jnp.where(near, p, one) + 0.5 * jnp.where(near, q, one)
    t = quotient(0.5 * jnp.where(near, difference, jnp.zeros((), p.dtype)), half_sum)
    t = jnp.where(near, t, jnp.zeros((), p.dtype))
    square = jnp.square(t)
    return near, excess, t, 2 * square * arctanh_tail(square, 16 if p.dtype == jnp.float64 else 7)


def _log_ratio(p: Array, q: Array) -> Array:
    share = quotient(p, q)
    tiny = float(jnp.finfo(p.dtype).tiny)
    lost = (share < tiny) | (share > 1 / tiny)
    return jnp.where(lost, jnp.log(p) - jnp.log(q), jnp.log(jnp.where(lost, jnp.ones((), p.dtype), share)))


_GAP_SERIES = tuple(1.0 if k % 2 == 0 else 1 - 1 / (k + 2) for k in range(34))
"""Coefficients of ``x - log(1 + x)`` over ``2 t**2``, ``t = x / (2 + x)``: full float64 precision up to 1 / 3."""

_GAP_SHORT = tuple(
    float(c)
    for c in np.polynomial.Chebyshev.interpolate(np.polynomial.Polynomial(_GAP_SERIES), 10, domain=[-1 / 3, 1 / 3])
    .convert(kind=np.polynomial.Polynomial)
    .coef
)
"""The same for float32: within 3e-9, with eleven coefficients."""


@jax.custom_jvp
def gap(p: Array, q: Array, difference: Array) -> Array:
    """``p / q - 1 - log(p / q)`` for positive ``p`` and ``q``, from them and ``difference = p - q``.

    Never negative and exactly 0 for equal arguments; +inf where ``p`` is 0. NaN, in value and slope, where ``p`` is
    negative or ``q`` is not positive. ``difference`` is what the caller knows it to be; its own tangent is not looked
    at.
    """
    one = jnp.ones((), p.dtype)
    # One quotient: of difference and sum near equality, elsewhere of the two, by powers of two inside of the range.
    near = (2 * p >= q) & (2 * q >= p)
    large = 2.0 ** (jnp.finfo(p.dtype).maxexp // 2)
    low, high = (p * large < q) & (q > 1), p > q * large
    up = jnp.where(low, large, jnp.where(high, 1 / large, one))
    down = jnp.where(low, 1 / large, jnp.where(high, large, one))
    share = jnp.where(near, 0.5 * difference, p * up) / jnp.where(near, q + 0.5 * difference, q * down)
    # Selected, for XLA on CPU stores a quotient that is used more than once.
    share = jnp.where(q > 0, share, jnp.nan)
    small = jnp.where(near, share, 0 * one)
    *others, last = _GAP_SERIES if p.dtype == jnp.float64 else _GAP_SHORT
    series = jnp.full_like(small, last)
    for coefficient in reversed(others):
        series = series * small + coefficient
    ratio = jnp.where(near, one, share)
    shift = jnp.where(low, -2 * math.log(large), jnp.where(high, 2 * math.log(large), 0 * one))
    far = (ratio * down * down - 1) - (jnp.log(ratio) + shift)
    # A selection last: XLA on CPU makes all of this one loop.
    return jnp.where(near, 2 * jnp.square(small) * series, far)


@gap.defjvp
def _gap_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (p, q, difference), (dp, dq, _) = primals, tangents
    known = jnp.where((p >= 0) & (q > 0), jnp.ones((), p.dtype), jnp.nan)
    return gap(p, q, difference), known * quotient(difference, q) * (quotient(dp, p) - quotient(dq, q))


def gap_quotient(p: Array, q: Array, difference: Array) -> Array:
    """`gap` over ``p / q - 1``: ``1 - log(1 + x) / x`` at ``x = p / q - 1``, which is 0 at 0."""
    near, excess, _, tail = _gap_parts(p, q, difference)
    one = jnp.ones((), p.dtype)
    far = 1 - _log_ratio(jnp.where(near, one + 1, p), jnp.where(near, one, q)) / jnp.where(near, one, excess)
    close = (jnp.where(near, excess, 0 * one) - tail) / (2 + jnp.where(near, excess, 0 * one))
    return jnp.where(near, close, far)


def gap_curvature(p: Array, q: Array, difference: Array) -> Array:
    """`gap` over the square of ``p / q - 1``: ``(x - log(1 + x)) / x**2`` at ``x = p / q - 1``, which is 1 / 2 at 0."""
    near, excess, t, _ = _gap_parts(p, q, difference)
    one = jnp.ones((), p.dtype)
    small, large = jnp.where(near, excess, 0 * one), jnp.where(near, one, excess)
    tail = arctanh_tail(jnp.square(t), 16 if p.dtype == jnp.float64 else 7)
    close = (1 - (1 - t) * t * tail) / (2 + small)
    far = (large - _log_ratio(jnp.where(near, one + 1, p), jnp.where(near, one, q))) / large / large
    return jnp.where(near, close, far)


def log_quotient(p: Array, q: Array, difference: Array) -> Array:
    """``log(p / q)`` of positive numbers, from their ``difference = p - q`` where that is small.

    As an entry of a loop of a CPU; `log_ratio` is for numbers that are exact, of any size, and to be differentiated.
    """
    near = (p >= 0.5 * q) & (q >= 0.5 * p)
    close = log1p_near(jnp.where(near, difference, jnp.zeros((), p.dtype)) / q)
    return jnp.where(near, close, jnp.log(p / q))


@jax.custom_jvp
def log_ratio(p: Array, q: Array) -> Array:
    """``log(p / q)`` of positive numbers: exactly 0 where they are equal, with full relative accuracy near that."""
    near, one = (p >= 0.5 * q) & (q >= 0.5 * p), jnp.ones((), p.dtype)
    excess = quotient(difference(p, q), jnp.where(near, q, one))
    close = log1p_near(jnp.where(near, excess, 0 * one))
    return jnp.where(near, close, _log_ratio(jnp.where(near, one, p), jnp.where(near, one, q)))


@log_ratio.defjvp
def _log_ratio_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (p, q), (p_dot, q_dot) = primals, tangents
    return log_ratio(p, q), quotient(p_dot, p) - quotient(q_dot, q)
