r"""Differences of the logarithm of the gamma function, and of the digamma function, that do not cancel.

By :math:`\Gamma(x + 1) = x \, \Gamma(x)` both arguments are shifted to where the logarithm is given by Stirling's
formula and a short series S. Each shift, the formula and the series contribute one term, and every term has the sign of
the result. The result is therefore accurate for arguments that nearly agree and for very small ones. Let u and v be the
reciprocals of the shifted arguments: the difference of a power in S is then u - v times a sum of positive terms.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.log_ratios import gap, log_quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.separate import as_one_loop
from jaxloss._floor.maths.special.gamma_slopes import trigamma
from jaxloss._floor.typing import Array

__all__ = [
    "STEPS",
    "digamma_difference",
    "digamma_half_step",
    "digamma_shortfall",
    "divided_series",
    "log_gamma_bregman",
]

STEPS = {False: 1, True: 9}
"""How far the arguments are moved, in float32 and in float64."""

FITTED = (
    1 / 6,
    -5.10702389e-06,
    -0.0331109583,
    -0.00253026544,
    0.037123269,
    -0.037159584,
    0.0172169836,
    -0.00326694305,
)
"""Coefficients of ``S''(x) * x**3`` in ``1 / x``, fitted for ``x >= 1``: within 4e-9 of the trigamma function."""

EXACT = (1 / 6, 0.0, -1 / 30, 0.0, 1 / 42, 0.0, -1 / 30, 0.0, 5 / 66, 0.0, -691 / 2730, 0.0, 7 / 6)
"""The asymptotic series of the same, the Bernoulli numbers: it has the digits of float64 for ``x >= 9``."""


def _rise_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    a, b, _ = primals
    return digamma_difference(*primals), trigamma(b) * tangents[1] - trigamma(a) * tangents[0]


@with_rule(_rise_jvp)
def digamma_difference(a: Array, b: Array, step: Array) -> Array:
    """``digamma(b) - digamma(a)`` of positive numbers that are ``step = b - a`` apart; its tangent is not looked at."""
    steps = STEPS[a.dtype == jnp.float64]
    x, y = a + steps, b + steps
    u, v = 1 / x, 1 / y
    low, high = jnp.minimum(a, b), jnp.maximum(a, b)
    moved = sum(((step * (1 / (high + k))) * (1 / (low + k)) for k in range(steps)), jnp.zeros((), a.dtype))
    return moved + (log_quotient(y, x, step) + (step * u) * v * (0.5 + divided_series(u, v)[0]))


def _bregman_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    a, b, step = apart_on_cpu(*primals)
    slope = digamma_difference(a, b, step) * tangents[1] - (trigamma(a) * step) * tangents[0]
    return log_gamma_bregman(*primals), slope


@with_rule(_bregman_jvp)
def log_gamma_bregman(a: Array, b: Array, step: Array) -> Array:
    """``log Gamma(b) - log Gamma(a) - digamma(a) * step`` of positive numbers ``step = b - a`` apart.

    It is >= 0, and exactly 0 for a step of 0, whose tangent is not looked at.
    """
    steps = STEPS[a.dtype == jnp.float64]
    x, y = a + steps, b + steps
    u, v = 1 / x, 1 / y
    moved = sum((gap(b + k, a + k, step) for k in range(steps)), jnp.zeros((), a.dtype))
    formula = y * gap(x, y, -step) + 0.5 * gap(y, x, step)
    return as_one_loop(moved + (formula + ((step * u) * (step * v)) * u * divided_series(u, v)[1]))


def digamma_half_step(x: Array) -> Array:
    """``digamma(x + 1/2) - digamma(x) - 1 / (2 x)`` of positive numbers; about ``1 / (8 x**2)``."""
    steps = STEPS[x.dtype == jnp.float64]
    shifted = (x + k for k in range(steps))
    moved = sum((0.25 * ((1 / y) * (1 / (y + 0.5))) * (1 / (y + 1)) for y in shifted), jnp.zeros((), x.dtype))
    u, v = 1 / (x + steps), 1 / (x + (steps + 0.5))
    formula = gap(jnp.ones_like(x), 1 + 0.5 * u, -0.5 * u)
    return moved + (formula + 0.5 * u * v * divided_series(u, v)[0])


def digamma_shortfall(inverse: Array) -> Array:
    """``log(x) - digamma(x)`` of ``x = 1 / inverse``, which is between half of the inverse and all of it."""
    steps = STEPS[inverse.dtype == jnp.float64]
    places = (1 + k * inverse for k in range(steps))
    moved = sum((gap(place + inverse, place, inverse) for place in places), jnp.zeros((), inverse.dtype))
    u = inverse / (1 + steps * inverse)
    return moved + u * (0.5 + divided_series(u, jnp.zeros_like(u))[0])


def divided_series(u: Array, v: Array) -> tuple[Array, Array]:
    """The differences of the series, ``S'(1 / v) - S'(1 / u)`` and that of S less its tangent.

    The first over ``u - v``, the second over ``(u - v)**2 / v``. For a power p of S they are p times
    ``(u**(p + 1) - v**(p + 1)) / (u - v)``, and the sum of such quotients for all powers up to p, times powers of u.
    """
    one, zero = jnp.ones((), u.dtype), jnp.zeros((), u.dtype)
    power, divided, summed, slope, excess = one, zero, zero, zero, zero
    for p, coefficient in enumerate(EXACT if u.dtype == jnp.float64 else FITTED, start=1):
        divided = u * divided + power
        summed = u * summed + divided
        power = power * v
        slope = slope + coefficient / (p + 1) * (u * divided + power)
        excess = excess + coefficient / (p * (p + 1)) * summed
    return slope, excess
