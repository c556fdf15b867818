"""The mass of the normal distribution on an interval, in the logarithm."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jaxloss._floor.typing import Array
from jaxloss.probabilistic._stable import LOG_2PI

__all__ = ["log_interval_mass"]

NODES = [
    [(float(x), float(w)) for x, w in zip(*np.polynomial.legendre.leggauss(n), strict=True) if x > 0] for n in (8, 16)
]
"""Positive nodes in [-1, 1] and weights of Gauss-Legendre quadrature for even functions: for float32 and float64."""

MILLS = (
    1.1670525350882472,
    -0.1610195767134654,
    -0.028002821825452974,
    0.03167452189239266,
    -0.012103231162345369,
    0.0027056129762167095,
    -0.00029931636202703166,
    -1.716686526879361e-05,
    1.0178489264109868e-05,
    -4.894829570004192e-07,
    -2.844006500151048e-07,
    3.0766283713811506e-08,
    9.180378674469537e-09,
    -1.2756102213808737e-09,
    -3.660279376104134e-10,
    4.5926359348595205e-11,
    1.7189314687646526e-11,
    -1.2726833698700693e-12,
    -8.668081913316188e-13,
    1.1061557204136741e-15,
    4.2750210770103334e-14,
    3.790937692263904e-15,
    -1.8474103010592332e-15,
    -4.0419094130708177e-16,
    5.340854385017358e-17,
)
"""Chebyshev coefficients of ``(1 + x) * (1 - Phi(x)) / phi(x)`` in ``(x - 4) / (x + 4)``, for all ``x >= 0``."""


def log_interval_mass(center: Array, half: Array, log_half: Array, open_end: Array) -> Array:
    """The log-mass on ``[center - half, center + half]``, or up to infinity where ``open_end``.

    ``center >= 0`` unless ``open_end``; ``log_half = log(half)``, known also where ``half`` underflows. Three
    forms share the work: one minus the rest where the interval has about half of the mass or more, quadrature
    where the density hardly changes over it, and else the tail, as the difference of two Mills ratios.
    """
    inner, outer = center - half, center + half
    rest = _mass_below(inner) + jnp.where(open_end, 0, _mass_below(-outer))
    most = rest < 0.6
    flat = ~open_end & ~most & (half * (center + half) < 1)
    tail = ~most & ~flat
    one = jnp.ones((), center.dtype)
    whole = jnp.log1p(-jnp.where(most, rest, 0))
    quadrature = _flat(jnp.where(flat, center, 0), jnp.where(flat, half, 0), jnp.where(flat, log_half, 0))
    # In the tail center > half; a wide open end has no outer ratio.
    inner = jnp.where(tail, inner, one)
    outer = jnp.where(tail & ~open_end, outer, 2 * one)
    drop = jnp.where(tail & ~open_end, jnp.exp(-2 * jnp.where(tail, center * half, one)), 0)
    ratios = _mills_ratio(inner) - drop * _mills_ratio(outer)
    tails = jnp.log(ratios) - 0.5 * (jnp.square(inner) + LOG_2PI)
    return jnp.where(most, whole, jnp.where(flat, quadrature, tails))


def _mills_ratio(x: Array) -> Array:
    """The upper tail over the density, for ``x >= 0``; about ``1 / x``."""
    place = (x - 4) / (x + 4)
    last = jnp.zeros_like(x)
    total = jnp.zeros_like(x)
    for coefficient in MILLS[: 25 if x.dtype == jnp.float64 else 14][:0:-1]:
        total, last = 2 * place * total - last + coefficient, total
    return (place * total - last + MILLS[0]) / (1 + x)


def _mass_below(x: Array) -> Array:
    distance = jnp.where(x >= 0, x, -x)
    far = jnp.exp(-0.5 * (jnp.square(distance) + LOG_2PI)) * _mills_ratio(distance)
    return jnp.where(x >= 0, 1 - far, far)


def _flat(center: Array, half: Array, log_half: Array) -> Array:
    """The density at the centre times the mean of its ratio to that over the interval."""
    nodes = NODES[center.dtype == jnp.float64]
    spread = sum(
        (w * jnp.cosh(x * center * half) * jnp.exp(-0.5 * jnp.square(x * half)) for x, w in nodes),
        jnp.zeros((), center.dtype),
    )
    return log_half + math.log(2) + jnp.log(spread) - 0.5 * (jnp.square(center) + LOG_2PI)
