"""Directed rounding of float64 arrays: results that are exact stay exact, all others move one float outwards."""

from __future__ import annotations

import numpy as np

from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats

__all__ = ["above", "below", "is_exact_product", "is_exact_quotient", "is_exact_sum", "widen"]

_SPLITTER = 134217729.0
"""2**27 + 1: cuts a float64 into two halves of 26 bits."""

_SAFE_LOW, _SAFE_HIGH = 1e-250, 1e250
"""Between these magnitudes no error term of a product underflows or overflows."""

LIBM_ULPS = 4
"""By how many units in the last place elementary functions of NumPy and SciPy are assumed to be off at most."""


def below(x: Floats) -> Floats:
    """The next float below. A number that was rounded to ``x`` is larger."""
    return np.nextafter(x, -np.inf)


def above(x: Floats) -> Floats:
    """The next float above. A number that was rounded to ``x`` is smaller."""
    return np.nextafter(x, np.inf)


def is_exact_sum(a: Floats, b: Floats, total: Floats) -> Bools:
    """Whether ``total = fl(a + b)`` is ``a + b``, by Knuth's TwoSum."""
    part = total - a
    error = (a - (total - part)) + (b - part)
    return (error == 0) & np.isfinite(total)


def _halves(x: Floats) -> tuple[Floats, Floats]:
    high = _SPLITTER * x
    high = high - (high - x)
    return high, x - high


def is_exact_product(a: Floats, b: Floats, product: Floats) -> Bools:
    """Whether ``product = fl(a * b)`` is ``a * b``, by Dekker's product; False where its errors leave the range."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    size = np.abs(product)
    safe = (size > _SAFE_LOW) & (size < _SAFE_HIGH) & (np.abs(a) < _SAFE_HIGH) & (np.abs(b) < _SAFE_HIGH)
    return ((error == 0) & safe) | (a == 0) | (b == 0)


def is_exact_quotient(a: Floats, b: Floats, quotient: Floats) -> Bools:
    """Whether ``quotient = fl(a / b)`` is ``a / b``."""
    return (quotient * b == a) & is_exact_product(quotient, b, a) & (b != 0)


def widen(low: Floats, high: Floats, ulps: int = LIBM_ULPS) -> tuple[Floats, Floats]:
    """Both ends moved outwards by ``ulps`` units in the last place.

    These are two floats each: below a power of 2 floats are half as far apart.
    """
    for _ in range(2 * ulps):
        low, high = below(low), above(high)
    return low, high
