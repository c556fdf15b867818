"""Products, quotients and whole powers of intervals, which are those of their ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxloss.inspect.intervals.arithmetic import rounding
from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.arithmetic.interval import CLOSED, Interval, absolute, bounded, negative, point

__all__ = ["divide", "integer_power", "multiply", "square"]


def _product(x: Floats, y: Floats) -> tuple[Floats, Floats, Bools]:
    """Rounded down, rounded up, and whether it is exact."""
    with_zero = (x == 0) | (y == 0)
    product = np.where(with_zero, 0.0, x * y)
    exact = rounding.is_exact_product(x, y, product)
    low = np.where(exact, product, rounding.below(product))
    high = np.where(exact, product, rounding.above(product))
    # A product that underflows keeps its sign.
    same = (x > 0) == (y > 0)
    return (
        np.where(same & ~with_zero, np.maximum(low, 0.0), low),
        np.where(same | with_zero, high, np.minimum(high, 0.0)),
        exact,
    )


def multiply(a: Interval, b: Interval) -> Interval:
    if b.low.ndim == 0 and a.low.ndim > 0:
        a, b = b, a
    if a.low.ndim == 0 and a.low == a.high and np.isfinite(a.low):
        return _scaled(a.low, b)
    low, high, low_open, high_open = _over_corners(_product, a, b)
    lost = (_is_zero(a) & _is_endless(b)) | (_is_zero(b) & _is_endless(a))
    lost = lost | (_is_infinite(a) & (b.low <= 0) & (b.high >= 0)) | (_is_infinite(b) & (a.low <= 0) & (a.high >= 0))
    low, high = np.where(lost, -np.inf, low), np.where(lost, np.inf, high)
    return bounded(low, high, low_open & ~lost, high_open & ~lost)


Corner = Callable[[Floats, Floats], tuple[Floats, Floats, Bools]]


def _over_corners(corner: Corner, a: Interval, b: Interval) -> tuple[Floats, Floats, Bools, Bools]:
    """The ends of a product or quotient, which are those at two of the four corners, and whether they are open.

    An end that was rounded is not reached. One that is exact and not 0 is reached at its corner only.
    """
    lows, highs, opens = [], [], []
    for x, x_open in ((a.low, a.low_open), (a.high, a.high_open)):
        for y, y_open in ((b.low, b.low_open), (b.high, b.high_open)):
            low, high, exact = corner(x, y)
            lows.append(low)
            highs.append(high)
            opens.append(~exact | ((low != 0) & (x_open | y_open)))
    low, high = np.minimum.reduce(lows), np.maximum.reduce(highs)
    low_open = np.logical_and.reduce([is_open | (end > low) for end, is_open in zip(lows, opens, strict=True)])
    high_open = np.logical_and.reduce([is_open | (end < high) for end, is_open in zip(highs, opens, strict=True)])
    return low, high, low_open, high_open


def _is_zero(a: Interval) -> Bools:
    return (a.low == 0) & (a.high == 0)


def _is_infinite(a: Interval) -> Bools:
    return np.isinf(a.low) & (a.low == a.high)


def _is_endless(a: Interval) -> Bools:
    return np.isinf(a.low) | np.isinf(a.high)


def _scaled(factor: Floats, b: Interval) -> Interval:
    if factor == 0:
        # 0 times infinity is no number.
        endless = _is_endless(b)
        return Interval(np.where(endless, -np.inf, 0.0), np.where(endless, np.inf, 0.0), CLOSED, CLOSED)
    if factor < 0:
        return negative(_scaled(-factor, b))
    low, _, low_exact = _product(factor, b.low)
    _, high, high_exact = _product(factor, b.high)
    return bounded(low, high, ~low_exact | b.low_open, ~high_exact | b.high_open)


def _quotient(x: Floats, y: Floats) -> tuple[Floats, Floats, Bools]:
    quotient = x / y
    exact = rounding.is_exact_quotient(x, y, quotient)
    low = np.where(exact, quotient, rounding.below(quotient))
    high = np.where(exact, quotient, rounding.above(quotient))
    same = (x > 0) == (y > 0)
    return (
        np.where(same & (x != 0), np.maximum(low, 0.0), low),
        np.where(same | (x == 0), high, np.minimum(high, 0.0)),
        exact,
    )


def divide(a: Interval, b: Interval) -> Interval:
    """``a / b``; the whole line where ``b`` holds 0 inside, a half-line where it ends there."""
    if b.low.ndim == 0 and b.low == b.high and b.low > 0:
        low, _, low_exact = _quotient(a.low, b.low)
        _, high, high_exact = _quotient(a.high, b.low)
        return bounded(low, high, ~low_exact | a.low_open, ~high_exact | a.high_open)
    low, high, low_open, high_open = _over_corners(_quotient, a, b)
    zero_inside = (b.low < 0) & (b.high > 0) | ((b.low == 0) & (b.high == 0))
    zero_low, zero_high = (b.low == 0) & (b.high > 0), (b.high == 0) & (b.low < 0)
    one_sign = ((a.low >= 0) | (a.high <= 0)) & ~zero_inside
    touching = zero_low | zero_high
    # With 0 at an end of b the quotient grows without bound, from its value at the other end.
    far = np.where(zero_low, b.high, b.low)
    near_low, near_high = _quotient(a.low, far), _quotient(a.high, far)
    edge_low, edge_high = np.minimum(near_low[0], near_high[0]), np.maximum(near_low[1], near_high[1])
    rises = (a.low >= 0) == zero_low
    low = np.where(touching & one_sign, np.where(rises, edge_low, -np.inf), low)
    high = np.where(touching & one_sign, np.where(rises, np.inf, edge_high), high)
    unknown = zero_inside | (touching & ~one_sign)
    # 0 / 0 is no number.
    reached = (zero_low & ~b.low_open) | (zero_high & ~b.high_open)
    unknown = unknown | (reached & (a.low <= 0) & (a.high >= 0))
    zero = (a.low == 0) & (a.high == 0) & ~unknown
    low, high = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
    low, high = np.where(zero, 0.0, low), np.where(zero, 0.0, high)
    plain = ~touching & ~unknown
    return bounded(low, high, low_open & plain, high_open & plain)


def square(a: Interval) -> Interval:
    return integer_power(a, 2)


def integer_power(a: Interval, exponent: int) -> Interval:
    """``a ** exponent`` by repeated products of the magnitude, each rounded outwards."""
    if exponent < 0:
        return divide(point(1.0), integer_power(a, -exponent))
    if exponent == 0:
        return point(1.0)
    if exponent == 1:
        return a
    if exponent % 2:
        up, down = _power_of_ends(a.high, exponent), _power_of_ends(a.low, exponent)
        return bounded(down[0], up[1], ~down[2] | a.low_open, ~up[2] | a.high_open)
    size = absolute(a)
    up, down = _power_of_ends(size.high, exponent), _power_of_ends(size.low, exponent)
    return bounded(np.maximum(down[0], 0.0), up[1], ~down[2] | size.low_open, ~up[2] | size.high_open)


def _power_of_ends(x: Floats, exponent: int) -> tuple[Floats, Floats, Bools]:
    size = np.abs(x)
    low, high, exact = size, size, np.ones(x.shape, bool)
    for _ in range(exponent - 1):
        low, _, exact_low = _product(low, size)
        _, high, exact_high = _product(high, size)
        exact = exact & exact_low & exact_high
    flip = (x < 0) & (exponent % 2 == 1)
    return np.where(flip, -high, low), np.where(flip, -low, high), exact
