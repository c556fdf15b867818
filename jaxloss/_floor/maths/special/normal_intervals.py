"""The mass of the normal distribution on an interval: minus its logarithm, and the slopes of that."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.special.normal_tails import LOG_2PI, mills_ratio, polynomial
from jaxloss._floor.typing import Array

__all__ = ["Slopes", "interval_nll", "interval_slopes"]


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
    near = mills_ratio(jnp.where(inner >= 0, inner, -inner))
    beyond = drop * mills_ratio(jnp.where(open_end, one, outer))
    rest = jnp.where(inner >= 0, 1 - bell * near, bell * near) + bell * beyond
    most = rest < 0.6
    flat = ~open_end & ~most & (half * outer < 1)
    p, q = jnp.square(jnp.where(flat, product, zero)), jnp.square(jnp.where(flat, half, zero))
    spread = jnp.zeros_like(p)
    for row in reversed(_SPREAD[double]):
        spread = spread * p + polynomial(row, q)
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
    sinhc, cosh = polynomial(_SINHC[double], it.square), polynomial(_COSH[double], it.square)
    factor = jnp.where(it.most, it.bell, 1.0) * (1 / it.mass)
    middle = jnp.where(it.flat, center, 0.0)
    pull = jnp.where(it.flat, middle * sinhc, 1 - it.drop)
    widening = jnp.where(it.flat, cosh, half * (1 + it.drop))
    scaling = jnp.where(it.flat, cosh - jnp.square(middle) * sinhc, it.outer * it.drop - it.inner)
    return Slopes(factor * pull, -factor * widening, factor * scaling)
