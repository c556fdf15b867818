"""Elementary functions of intervals.

NumPy's functions are assumed to be off by at most four units in the last place. Where they are exact, such as
``exp(0) = 1``, the result is kept exact, so that a minimum at 0 stays at 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic import rounding
from jaxloss.inspect.intervals.arithmetic.arrays import Floats
from jaxloss.inspect.intervals.arithmetic.interval import Interval

__all__ = [
    "Function",
    "arcsinh",
    "arctan",
    "by_ends",
    "cos",
    "cosh",
    "erf",
    "even_by_ends",
    "exp",
    "expm1",
    "inverse",
    "log",
    "log1p",
    "logistic",
    "number",
    "plus",
    "power",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "tanh",
    "times",
]

Function = Callable[[Interval], Interval]


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
softplus = _rising(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), least=0.0, ulps=3 * rounding.LIBM_ULPS)


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
        return pr.divide(iv.point(1.0), power(a, -exponent))
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
    return pr.multiply(iv.point(factor), a)


def plus(constant: float, a: Interval) -> Interval:
    return iv.add(iv.point(constant), a)


def inverse(a: Interval) -> Interval:
    return pr.divide(iv.point(1.0), a)
