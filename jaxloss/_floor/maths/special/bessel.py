"""The modified Bessel function of order 0, the normaliser of the von Mises distribution, and its derivatives.

The logarithm of that function is convex. For a concentration :math:`x` its slope is the mean resultant length
``I1(x) / I0(x)``, which goes to 1, and its curvature the variance of the cosine, which vanishes like ``1 / (2 x**2)``.
Here the slope is given by what it falls short of 1, and the curvature by terms that are all positive, so that both keep
their digits for any concentration.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.normal_tails import LOG_2PI, polynomial
from jaxloss._floor.typing import Array

__all__ = ["bessel_remainder", "cosine_variance", "log_scaled_bessel", "resultant", "resultant_rest"]

START = 5
"""From this concentration on a series in its inverse is used, and below it one of positive powers."""

_CHEBYSHEV = (
    0.13267663747913006,
    0.008257462505476595,
    0.0006595139332541606,
    9.131819156873797e-05,
    1.3246428847154326e-05,
    -2.458862678828452e-07,
    -1.2552521292313132e-06,
    -4.1963207689830927e-07,
    1.3669355149015417e-08,
    5.333186621280388e-08,
    8.440124725922932e-09,
    -6.099512430410823e-09,
    -1.867682725863087e-09,
    8.146347240526079e-10,
    3.252202452690504e-10,
    -1.3832935146191944e-10,
    -5.1989526882172256e-11,
    2.8487065033976294e-11,
    7.090204384226275e-12,
    -6.360224962242283e-12,
    -4.881278211194466e-13,
    1.3829758916586549e-12,
    -1.6307079242337535e-13,
    -2.6206410287731645e-13,
    9.724595841302322e-14,
    3.4018687362776954e-14,
    -3.1544520042841235e-14,
    1.273319646639742e-15,
    7.09269105401589e-15,
    -2.6213648608630225e-15,
    -8.428539910577524e-16,
    9.554479166523521e-16,
    -1.4345411868550982e-16,
    -1.8962512557552664e-16,
    1.1360162667264023e-16,
    2.7728903923585502e-18,
    -3.153783639492723e-17,
    1.318885112638507e-17,
    2.637278202779326e-18,
    -4.8810708972481874e-18,
    1.596340999165566e-18,
    5.990340723437367e-19,
    -7.562233108576365e-19,
    2.1393165363134705e-19,
    1.0873823002693135e-19,
    -1.2082768837594626e-19,
    3.323543378911549e-20,
    1.7849339362669747e-20,
    -2.0064167667099422e-20,
    6.013078742873294e-21,
)
"""Chebyshev coefficients, in ``2 START t - 1`` for ``t = 1 / x``, of ``log(sqrt(2 pi x) exp(-x) I0(x)) / t``."""

_REST = [np.polynomial.chebyshev.cheb2poly(_CHEBYSHEV[:n]) for n in (18, 50)]
_RESTS = [[[float(c) for c in np.polynomial.polynomial.polyder(p, order)] for order in range(3)] for p in _REST]
"""The same in powers of that, with the first two derivatives, for float32 and float64."""

_I0 = [[1 / math.factorial(k) ** 2 for k in range(n)] for n in (13, 22)]
_I1 = [[1 / (math.factorial(k) * math.factorial(k + 1)) for k in range(n)] for n in (13, 22)]
_SPREAD = [[0.5 * math.comb(2 * k, k) / math.factorial(k + 1) ** 2 for k in range(n)] for n in (18, 32)]
"""Coefficients, in powers of ``x**2 / 4``, of ``I0``, of ``2 I1 / x``, and of ``I0**2`` times the curvature."""


def _sides(x: Array) -> tuple[Array, Array, Array, int]:
    """Whether ``x`` is below `START`, a stand-in for it on either side, and which coefficients its dtype takes."""
    low, at = x < START, jnp.full((), START, x.dtype)
    return low, jnp.where(low, x, at), jnp.where(low, at, x), int(x.dtype == jnp.float64)


def _rest(t: Array, double: int) -> tuple[Array, Array, Array]:
    """The logarithm that `_CHEBYSHEV` describes, by its own variable ``t``, and its two derivatives."""
    value, slope, curve = (polynomial(c, 2 * START * t - 1) for c in _RESTS[double])
    slope, curve = 2 * START * slope, (2 * START) ** 2 * curve
    return t * value, value + t * slope, 2 * slope + t * curve


def _log_scaled_bessel_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return log_scaled_bessel(*primals), -resultant_rest(*primals) * tangents[0]


@with_rule(_log_scaled_bessel_jvp)
def log_scaled_bessel(x: Array) -> Array:
    """``log(exp(-x) I0(x))`` for ``x >= 0``: 0 at 0, and about ``-log(2 pi x) / 2`` for large ``x``."""
    low, below, above, double = _sides(x)
    square = jnp.square(0.5 * below)
    near = jnp.log1p(square * polynomial(_I0[double][1:], square)) - below
    return jnp.where(low, near, _rest(1 / above, double)[0] - 0.5 * (LOG_2PI + jnp.log(above)))


def bessel_remainder(x: Array) -> Array:
    """`log_scaled_bessel` plus ``log(1 + 2 x) / 2``, without cancellation: from 0 at 0 to ``-log(pi) / 2``."""
    low, below, above, double = _sides(x)
    square, t = jnp.square(0.5 * below), 1 / above
    near = jnp.log1p(square * polynomial(_I0[double][1:], square)) - below + 0.5 * jnp.log1p(2 * below)
    return jnp.where(low, near, _rest(t, double)[0] + 0.5 * (jnp.log1p(0.5 * t) - math.log(math.pi)))


def _resultants(x: Array) -> tuple[Array, Array]:
    """``I1(x) / I0(x)`` and what it falls short of 1, both to full relative accuracy."""
    low, below, above, double = _sides(x)
    square, t = jnp.square(0.5 * below), 1 / above
    near = 0.5 * below * (polynomial(_I1[double], square) / polynomial(_I0[double], square))
    far = t * (0.5 + t * _rest(t, double)[1])
    return jnp.where(low, near, 1 - far), jnp.where(low, 1 - near, far)


def _curvature(x: Array) -> Array:
    return quotient(quotient(cosine_variance(x), 1 + x), 1 + x)


def _resultant_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return resultant(*primals), _curvature(*primals) * tangents[0]


@with_rule(_resultant_jvp)
def resultant(x: Array) -> Array:
    """``I1(x) / I0(x)`` for ``x >= 0``, the mean resultant length: about ``x / 2`` near 0, and 1 at infinity."""
    return _resultants(x)[0]


def _resultant_rest_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return resultant_rest(*primals), -_curvature(*primals) * tangents[0]


@with_rule(_resultant_rest_jvp)
def resultant_rest(x: Array) -> Array:
    """One minus `resultant`, and minus the slope of `log_scaled_bessel`: 1 at 0, and about ``1 / (2 x)``."""
    return _resultants(x)[1]


def cosine_variance(x: Array) -> Array:
    """``(1 + x)**2`` times the curvature of ``log I0(x)`` for ``x >= 0``: 1/2 at 0 and at infinity."""
    low, below, above, double = _sides(x)
    square, t = jnp.square(0.5 * below), 1 / above
    near = polynomial(_SPREAD[double], square) * jnp.square((1 + below) / polynomial(_I0[double], square))
    _, slope, curve = _rest(t, double)
    return jnp.where(low, near, jnp.square(1 + t) * (0.5 + t * (2 * slope + t * curve)))
