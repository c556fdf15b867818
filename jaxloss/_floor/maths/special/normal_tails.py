"""The tails of the normal distribution, to the last digits of the dtype however far out."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jaxloss._floor.maths.separate import with_slopes
from jaxloss._floor.typing import Array

__all__ = ["LOG_2PI", "mills_ratio", "negative_log_tail", "polynomial"]

LOG_2PI = math.log(2 * math.pi)

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


def polynomial(coefficients: list[float], x: Array) -> Array:
    """By Horner's rule, lowest coefficient first."""
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def mills_ratio(x: Array) -> Array:
    """The upper tail over the density, for ``x >= 0``; about ``1 / x``."""
    inverse = 1 / (x + 4)
    return inverse * polynomial(_MILLS[x.dtype == jnp.float64], 8 * inverse - 1)


def _hazard(z: Array) -> Array:
    """The density over the mass above ``z``."""
    size = jnp.where(z > 0, z, -z)
    ratio = mills_ratio(size)
    bell = jnp.where(z > 0, jnp.zeros((), z.dtype), jnp.exp(-0.5 * (jnp.square(size) + LOG_2PI)))
    return jnp.where(z > 0, 1 / ratio, bell / (1 - bell * ratio))


@with_slopes(_hazard)
def negative_log_tail(z: Array) -> Array:
    """``-log(1 - Phi(z))``, the mass of the standard normal distribution above ``z``."""
    size = jnp.where(z > 0, z, -z)
    ratio, square = mills_ratio(size), jnp.square(size)
    below = jnp.where(z > 0, jnp.zeros((), z.dtype), jnp.exp(-0.5 * (square + LOG_2PI)) * ratio)
    return jnp.where(z > 0, 0.5 * (square + LOG_2PI) - jnp.log(ratio), -jnp.log1p(-below))
