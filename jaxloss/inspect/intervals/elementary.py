"""Elementary functions of intervals, and with them the first two derivatives of the smooth ones.

NumPy's functions are assumed to be off by at most four units in the last place. Where they are exact, such as
``exp(0) = 1``, the result is kept exact, so that a minimum at 0 stays at 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from jaxloss.inspect.intervals import interval as iv
from jaxloss.inspect.intervals import rounding
from jaxloss.inspect.intervals.arrays import Floats
from jaxloss.inspect.intervals.interval import Interval

__all__ = [
    "SMOOTH",
    "Smooth",
    "by_ends",
    "even_by_ends",
    "exp",
    "expm1",
    "hyperbola",
    "log",
    "log1p",
    "logistic",
    "power",
    "sqrt",
    "tanh",
]

Function = Callable[[Interval], Interval]


@dataclasses.dataclass(frozen=True)
class Smooth:
    """A function with its first and second derivative, each from an enclosure of the argument to one of the result."""

    value: Function
    slope: Function
    curvature: Function


def _rising(
    fn: Callable[[Floats], Floats],
    *,
    exact: tuple[float, float] | None = None,
    least: float = -np.inf,
    most: float = np.inf,
    start: float = -np.inf,
    ulps: int = rounding.LIBM_ULPS,
) -> Function:
    """An increasing function on ``[start, inf)`` with values between ``least`` and ``most``, exact at one argument."""

    def apply(a: Interval) -> Interval:
        outside = a.low < start
        low, high = rounding.widen(fn(np.maximum(a.low, start)), fn(np.maximum(a.high, start)), ulps)
        low, high = np.clip(low, least, most), np.clip(high, least, most)
        low_open, high_open = np.ones(low.shape, bool), np.ones(high.shape, bool)
        if exact is not None:
            at_low, at_high = a.low == exact[0], a.high == exact[0]
            low, high = np.where(at_low, exact[1], low), np.where(at_high, exact[1], high)
            low_open, high_open = np.where(at_low, a.low_open, low_open), np.where(at_high, a.high_open, high_open)
        low, high = np.where(outside, -np.inf, low), np.where(outside, np.inf, high)
        return iv.bounded(low, high, low_open & ~outside, high_open & ~outside)

    return apply


def by_ends(a: Interval, fn: Function) -> Interval:
    """An increasing function, from its enclosures at both ends."""
    open_ = np.zeros((), bool)
    low = fn(Interval(a.low, a.low, open_, open_)).low
    return iv.bounded(low, fn(Interval(a.high, a.high, open_, open_)).high)


def even_by_ends(a: Interval, fn: Function) -> Interval:
    """A function of ``|a|`` that increases with it."""
    return by_ends(iv.absolute(a), fn)


def _sigmoid(x: Floats) -> Floats:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1 + small)


def _erf(x: Floats) -> Floats:
    from scipy import special

    return np.asarray(special.erf(x), np.float64)


exp = _rising(np.exp, exact=(0.0, 1.0), least=0.0)
expm1 = _rising(np.expm1, exact=(0.0, 0.0), least=-1.0)
log = _rising(np.log, exact=(1.0, 0.0), start=0.0)
log1p = _rising(np.log1p, exact=(0.0, 0.0), start=-1.0)
tanh = _rising(np.tanh, exact=(0.0, 0.0), least=-1.0, most=1.0)
sinh = _rising(np.sinh, exact=(0.0, 0.0))
arcsinh = _rising(np.arcsinh, exact=(0.0, 0.0))
arctan = _rising(np.arctan, exact=(0.0, 0.0))
erf = _rising(_erf, exact=(0.0, 0.0), least=-1.0, most=1.0)
logistic = _rising(_sigmoid, exact=(0.0, 0.5), least=0.0, most=1.0, ulps=2 * rounding.LIBM_ULPS)
_softplus = _rising(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), least=0.0, ulps=3 * rounding.LIBM_ULPS)


def cosh(a: Interval) -> Interval:
    return even_by_ends(a, _rising(np.cosh, exact=(0.0, 1.0), least=1.0))


def sqrt(a: Interval) -> Interval:
    """The root, which IEEE rounds correctly; exact where its square is the argument."""
    outside = a.low < 0
    ends = []
    for end, towards in ((a.low, -np.inf), (a.high, np.inf)):
        root = np.sqrt(np.maximum(end, 0.0))
        exact = ((root * root == end) & rounding.is_exact_product(root, root, end)) | (end == 0)
        ends.append((np.where(exact, root, np.nextafter(root, towards)), exact))
    (low, low_exact), (high, high_exact) = ends
    low = np.where(outside, -np.inf, np.maximum(low, 0.0))
    low_open, high_open = (~low_exact | a.low_open) & ~outside, ~high_exact | a.high_open
    return iv.bounded(low, np.where(outside, np.inf, high), low_open, high_open & ~outside)


def power(a: Interval, exponent: float) -> Interval:
    """``a ** exponent`` for ``a >= 0``; the whole line where ``a`` may be negative."""
    if exponent == 0:
        return iv.point(1.0)
    if exponent < 0:
        return iv.divide(iv.point(1.0), power(a, -exponent))
    least = _rising(lambda x: np.power(x, exponent), exact=(0.0, 0.0), least=0.0, start=0.0)(a)
    return iv.where(a.low == 1, iv.Interval(np.ones(()), least.high, a.low_open, least.high_open), least)


def sin(a: Interval) -> Interval:
    """The sine: its ends, and -1 or 1 where a box may hold such an extremum."""
    ends = np.sin(a.low), np.sin(a.high)
    low, high = rounding.widen(np.minimum(*ends), np.maximum(*ends))
    slack = 1e-9 * (1 + a.size)
    for extremum in (1.0, -1.0):
        first = (0.5 * extremum) * np.pi
        turns = np.floor((a.high + slack - first) / (2 * np.pi))
        reached = first + turns * (2 * np.pi) >= a.low - slack
        low = np.where(reached & (extremum < 0), -1.0, low)
        high = np.where(reached & (extremum > 0), 1.0, high)
    lost = ~np.isfinite(a.low) | ~np.isfinite(a.high) | (a.size > 1e6)
    return iv.bounded(np.where(lost, -1.0, np.maximum(low, -1.0)), np.where(lost, 1.0, np.minimum(high, 1.0)))


def cos(a: Interval) -> Interval:
    return sin(iv.add(a, Interval(np.asarray(np.pi / 2), np.asarray(rounding.above(np.asarray(np.pi / 2))), *_CLOSED)))


_CLOSED = (np.zeros((), bool), np.zeros((), bool))


def number(value: float) -> Interval:
    """A real number that is known to within a float."""
    middle = np.asarray(value, np.float64)
    return Interval(*rounding.widen(middle, middle), *_CLOSED)


def times(factor: float, a: Interval) -> Interval:
    return iv.multiply(iv.point(factor), a)


def plus(constant: float, a: Interval) -> Interval:
    return iv.add(iv.point(constant), a)


def inverse(a: Interval) -> Interval:
    return iv.divide(iv.point(1.0), a)


def _sides(a: Interval) -> Interval:
    """``logistic(a) * logistic(-a)``, which falls with ``|a|``."""
    far = iv.negative(iv.absolute(a))
    return by_ends(far, lambda x: iv.multiply(logistic(x), logistic(iv.negative(x))))


def _sech_squared(a: Interval) -> Interval:
    return times(4.0, _sides(times(2.0, a)))


def _gauss(a: Interval) -> Interval:
    return iv.multiply(number(2 / math.sqrt(math.pi)), exp(iv.negative(iv.square(a))))


def _one_plus_square(a: Interval) -> Interval:
    return plus(1.0, iv.square(a))


def hyperbola(constant: float) -> Smooth:
    """``sqrt(constant + x**2)``, whose curvature would cancel if it were put together from its parts."""

    def value(a: Interval) -> Interval:
        return sqrt(plus(constant, iv.square(a)))

    def slope(a: Interval) -> Interval:
        return by_ends(a, lambda x: iv.divide(x, value(x)))

    def curvature(a: Interval) -> Interval:
        return iv.divide(iv.point(constant), iv.integer_power(value(a), 3))

    return Smooth(value, slope, curvature)


def _power_less(a: Interval, exponent: float, less: int) -> Interval:
    """``a ** (exponent - less)``, also where the difference is no float."""
    rest = exponent - less
    if Fraction(rest) == Fraction(exponent) - less:
        return power(a, rest)
    return iv.hull(power(a, math.nextafter(rest, -math.inf)), power(a, math.nextafter(rest, math.inf)))


def power_of(exponent: float) -> Smooth:
    """``x ** exponent`` for ``x >= 0``, to any power; for whole powers of any ``x``, `integer_power_of`."""
    return Smooth(
        lambda a: power(a, exponent),
        lambda a: times(exponent, _power_less(a, exponent, 1)),
        lambda a: iv.multiply(
            iv.multiply(iv.point(exponent), plus(-1.0, iv.point(exponent))), _power_less(a, exponent, 2)
        ),
    )


def integer_power_of(exponent: int) -> Smooth:
    return Smooth(
        lambda a: iv.integer_power(a, exponent),
        lambda a: times(float(exponent), iv.integer_power(a, exponent - 1)),
        lambda a: times(float(exponent * (exponent - 1)), iv.integer_power(a, exponent - 2)),
    )


_LOG2 = math.log(2.0)


def _log_cosh_of_size(a: Interval) -> Interval:
    half = sinh(times(0.5, a))
    near = log1p(times(2.0, iv.square(half)))
    far = iv.subtract(iv.add(a, log1p(exp(times(-2.0, a)))), number(_LOG2))
    return iv.where(a.high < 1, near, far)


SMOOTH: Mapping[str, Smooth] = {
    "exp": Smooth(exp, exp, exp),
    "exp2": Smooth(
        lambda a: exp(iv.multiply(number(_LOG2), a)),
        lambda a: iv.multiply(number(_LOG2), exp(iv.multiply(number(_LOG2), a))),
        lambda a: iv.multiply(iv.square(number(_LOG2)), exp(iv.multiply(number(_LOG2), a))),
    ),
    "expm1": Smooth(expm1, exp, exp),
    "log": Smooth(log, inverse, lambda a: iv.negative(inverse(iv.square(a)))),
    "log1p": Smooth(log1p, lambda a: inverse(plus(1.0, a)), lambda a: iv.negative(inverse(iv.square(plus(1.0, a))))),
    "tanh": Smooth(tanh, _sech_squared, lambda a: times(-2.0, iv.multiply(tanh(a), _sech_squared(a)))),
    "logistic": Smooth(logistic, _sides, lambda a: iv.negative(iv.multiply(_sides(a), tanh(times(0.5, a))))),
    "softplus": Smooth(_softplus, logistic, _sides),
    "sqrt": Smooth(
        sqrt, lambda a: iv.divide(iv.point(0.5), sqrt(a)), lambda a: iv.divide(iv.point(-0.25), power(a, 1.5))
    ),
    "rsqrt": Smooth(
        lambda a: inverse(sqrt(a)),
        lambda a: iv.divide(iv.point(-0.5), power(a, 1.5)),
        lambda a: iv.divide(iv.point(0.75), power(a, 2.5)),
    ),
    "sinh": Smooth(sinh, cosh, sinh),
    "cosh": Smooth(cosh, sinh, cosh),
    "asinh": Smooth(
        arcsinh,
        lambda a: inverse(sqrt(_one_plus_square(a))),
        lambda a: iv.negative(iv.divide(a, power(_one_plus_square(a), 1.5))),
    ),
    "atan": Smooth(
        arctan,
        lambda a: inverse(_one_plus_square(a)),
        lambda a: iv.divide(times(-2.0, a), iv.square(_one_plus_square(a))),
    ),
    "erf": Smooth(erf, _gauss, lambda a: times(-2.0, iv.multiply(a, _gauss(a)))),
    "sin": Smooth(sin, cos, lambda a: iv.negative(sin(a))),
    "cos": Smooth(cos, lambda a: iv.negative(sin(a)), lambda a: iv.negative(cos(a))),
    "log_cosh": Smooth(lambda a: even_by_ends(a, _log_cosh_of_size), tanh, _sech_squared),
}
"""The smooth primitives of JAX by name, and two of their combinations."""
