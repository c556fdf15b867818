"""The mass of the normal distribution on an interval: minus its logarithm, and the slopes of that."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.typing import Array
from jaxloss.probabilistic._stable import LOG_2PI

__all__ = ["Slopes", "interval_nll", "interval_slopes"]

_CHEBYSHEV = (
    2.4325604285150404,
    1.8842545745794834,
    0.5569566490963817,
    0.12161597214420457,
    0.017360708143727772,
    0.0008036212007299657,
    -0.0002520349348054353,
    -4.7383719270581175e-05,
    2.5325891365988257e-06,
    1.5404069839913e-06,
    -8.474960630061696e-09,
    -5.185338601094672e-08,
    -2.8281293276602497e-10,
    1.9486566378891076e-09,
    -2.491945496827567e-11,
    -7.957248719448846e-11,
    4.618414179155219e-12,
    3.290856124224385e-12,
    -4.36538404380973e-13,
    -1.2300711839232774e-13,
    3.2414173582086784e-14,
    3.0532395587325663e-15,
    -2.0183740275707353e-15,
    7.170195501422588e-17,
    1.0169552398038542e-16,
    -1.756244228053356e-17,
)
"""Chebyshev coefficients of ``(x + 4) * (1 - Phi(x)) / phi(x)`` in ``(4 - x) / (4 + x)``, for all ``x >= 0``."""

_MILLS = [[float(c) for c in np.polynomial.chebyshev.cheb2poly(_CHEBYSHEV[:n])] for n in (12, 26)]
"""The same in powers of that, for float32 and float64: to half a unit in the last place."""


def _mean_cosh(tolerance: float) -> list[list[float]]:
    """Coefficients, of ``p**i * q**j``, of the mean of ``cosh(sqrt(p) u) * exp(q (1 - u**2) / 2)`` over [-1, 1].

    Only those that reach ``tolerance`` where ``sqrt(p) + q <= 1``; all are positive.
    """
    rows: list[list[float]] = []
    for i in range(12):
        row: list[float] = []
        for j in range(16):
            moment = 0.5 * math.gamma(i + 0.5) * math.gamma(j + 1) / math.gamma(i + j + 1.5)
            term = moment / (math.factorial(2 * i) * 2**j * math.factorial(j))
            most = 1.0 if i + j == 0 else (2 * i) ** (2 * i) * j**j / (2 * i + j) ** (2 * i + j)
            if term * most >= tolerance:
                row.append(term)
        if row:
            rows.append(row)
    return rows


_SPREAD = [_mean_cosh(3e-9), _mean_cosh(3e-18)]
_SINHC = [[1 / math.factorial(2 * i + 1) for i in range(n)] for n in (5, 9)]
_COSH = [[1 / math.factorial(2 * i) for i in range(n)] for n in (6, 10)]


class Slopes(NamedTuple):
    """Of `interval_nll`: in ``center``, in ``log_half`` and in the logarithm of a scale of both."""

    in_center: Array
    in_log_half: Array
    in_log_scale: Array


class _Interval(NamedTuple):
    """What value and slopes share: which form holds, and the mass by it in units of its own."""

    most: Array
    flat: Array
    inner: Array
    outer: Array
    bell: Array
    """The density at the inner end."""
    drop: Array
    """That at the outer end over that at the inner one."""
    rest: Array
    mass: Array
    square: Array
    """Of ``center * half`` where flat, else 0."""


def _polynomial(coefficients: list[float], x: Array) -> Array:
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _mills_ratio(x: Array) -> Array:
    """The upper tail over the density, for ``x >= 0``; about ``1 / x``."""
    inverse = 1 / (x + 4)
    return inverse * _polynomial(_MILLS[x.dtype == jnp.float64], 8 * inverse - 1)


def _interval(center: Array, half: Array, open_end: Array) -> _Interval:
    """The interval ``[center - half, center + half]``, or up to infinity where ``open_end``.

    ``center >= 0`` unless ``open_end``. Three forms share the work: one minus the rest where the interval has about
    half of the mass or more, a series where the density hardly changes over it, and else the tail, as the difference of
    two Mills ratios.
    """
    double = center.dtype == jnp.float64
    one, zero = jnp.ones((), center.dtype), jnp.zeros((), center.dtype)
    inner, outer = center - half, center + half
    product = jnp.where(open_end, zero, center * half)
    drop = jnp.where(open_end, zero, jnp.exp(-2 * product))
    bell = jnp.exp(-0.5 * (jnp.square(inner) + LOG_2PI))
    near = _mills_ratio(jnp.where(inner >= 0, inner, -inner))
    beyond = drop * _mills_ratio(jnp.where(open_end, one, outer))
    rest = jnp.where(inner >= 0, 1 - bell * near, bell * near) + bell * beyond
    most = rest < 0.6
    flat = ~open_end & ~most & (half * outer < 1)
    p, q = jnp.square(jnp.where(flat, product, zero)), jnp.square(jnp.where(flat, half, zero))
    spread = jnp.zeros_like(p)
    for row in reversed(_SPREAD[double]):
        spread = spread * p + _polynomial(row, q)
    mass = jnp.where(most, 1 - rest, jnp.where(flat, spread, near - beyond))
    return _Interval(most, flat, inner, outer, bell, drop, rest, mass, p)


def interval_nll(center: Array, half: Array, open_end: Array, log_half: Array) -> Array:
    """Minus the log-mass; ``log_half = log(half)``, known also where ``half`` underflows.

    The selection is the last step, so that XLA on CPU computes all in one loop.
    """
    it = _interval(center, half, open_end)
    sure = it.rest < 0.5
    flat = 0.5 * (jnp.square(center) + jnp.square(half) + LOG_2PI) - math.log(2) - log_half
    tail = 0.5 * (jnp.square(it.inner) + LOG_2PI)
    unit = jnp.where(it.most, 0.0, jnp.where(it.flat, flat, tail))
    return jnp.where(sure, -log1p_near(-jnp.where(sure, it.rest, 0.0)), unit - jnp.log(it.mass))


def interval_slopes(center: Array, half: Array, open_end: Array) -> Slopes:
    """The slopes of `interval_nll`: differences of the densities at the ends over the mass, which do not cancel."""
    it = _interval(center, half, open_end)
    double = center.dtype == jnp.float64
    sinhc, cosh = _polynomial(_SINHC[double], it.square), _polynomial(_COSH[double], it.square)
    factor = jnp.where(it.most, it.bell, 1.0) * (1 / it.mass)
    middle = jnp.where(it.flat, center, 0.0)
    pull = jnp.where(it.flat, middle * sinhc, 1 - it.drop)
    widening = jnp.where(it.flat, cosh, half * (1 + it.drop))
    scaling = jnp.where(it.flat, cosh - jnp.square(middle) * sinhc, it.outer * it.drop - it.inner)
    return Slopes(factor * pull, -factor * widening, factor * scaling)
