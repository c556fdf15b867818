"""Smooth functions with their first and second derivative, as enclosures."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.elementary import (
    Function,
    arcsinh,
    arctan,
    by_ends,
    cos,
    cosh,
    erf,
    even_by_ends,
    exp,
    expm1,
    inverse,
    log,
    log1p,
    logistic,
    number,
    plus,
    power,
    sin,
    sinh,
    softplus,
    sqrt,
    tanh,
    times,
)
from jaxloss.inspect.intervals.arithmetic.interval import Interval

__all__ = ["INVERSE", "SMOOTH", "SQUARE", "Smooth", "hyperbola", "integer_power_of", "power_of"]


@dataclasses.dataclass(frozen=True)
class Smooth:
    """A function with its first and second derivative, each from an enclosure of the argument to one of the result."""

    value: Function
    slope: Function
    curvature: Function


def _sides(a: Interval) -> Interval:
    """``logistic(a) * logistic(-a)``, which falls with ``|a|``."""
    far = iv.negative(iv.absolute(a))
    return by_ends(far, lambda x: pr.multiply(logistic(x), logistic(iv.negative(x))))


def _sech_squared(a: Interval) -> Interval:
    return times(4.0, _sides(times(2.0, a)))


def _gauss(a: Interval) -> Interval:
    return pr.multiply(number(2 / math.sqrt(math.pi)), exp(iv.negative(pr.square(a))))


def _one_plus_square(a: Interval) -> Interval:
    return plus(1.0, pr.square(a))


def hyperbola(constant: float) -> Smooth:
    """``sqrt(constant + x**2)``, whose curvature would cancel if it were put together from its parts."""

    def value(a: Interval) -> Interval:
        return sqrt(plus(constant, pr.square(a)))

    def slope(a: Interval) -> Interval:
        return by_ends(a, lambda x: pr.divide(x, value(x)))

    def curvature(a: Interval) -> Interval:
        return pr.divide(iv.point(constant), pr.integer_power(value(a), 3))

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
        lambda a: pr.multiply(
            pr.multiply(iv.point(exponent), plus(-1.0, iv.point(exponent))), _power_less(a, exponent, 2)
        ),
    )


def integer_power_of(exponent: int) -> Smooth:
    return Smooth(
        lambda a: pr.integer_power(a, exponent),
        lambda a: times(float(exponent), pr.integer_power(a, exponent - 1)),
        lambda a: times(float(exponent * (exponent - 1)), pr.integer_power(a, exponent - 2)),
    )


_LOG2 = math.log(2.0)


def _log_cosh_of_size(a: Interval) -> Interval:
    half = sinh(times(0.5, a))
    near = log1p(times(2.0, pr.square(half)))
    far = iv.subtract(iv.add(a, log1p(exp(times(-2.0, a)))), number(_LOG2))
    return iv.where(a.high < 1, near, far)


SQUARE = Smooth(pr.square, lambda a: pr.multiply(iv.point(2.0), a), lambda _: iv.point(2.0))
INVERSE = Smooth(
    lambda a: pr.divide(iv.point(1.0), a),
    lambda a: pr.divide(iv.point(-1.0), pr.square(a)),
    lambda a: pr.divide(iv.point(2.0), pr.integer_power(a, 3)),
)

SMOOTH: Mapping[str, Smooth] = {
    "exp": Smooth(exp, exp, exp),
    "exp2": Smooth(
        lambda a: exp(pr.multiply(number(_LOG2), a)),
        lambda a: pr.multiply(number(_LOG2), exp(pr.multiply(number(_LOG2), a))),
        lambda a: pr.multiply(pr.square(number(_LOG2)), exp(pr.multiply(number(_LOG2), a))),
    ),
    "expm1": Smooth(expm1, exp, exp),
    "log": Smooth(log, inverse, lambda a: iv.negative(inverse(pr.square(a)))),
    "log1p": Smooth(log1p, lambda a: inverse(plus(1.0, a)), lambda a: iv.negative(inverse(pr.square(plus(1.0, a))))),
    "tanh": Smooth(tanh, _sech_squared, lambda a: times(-2.0, pr.multiply(tanh(a), _sech_squared(a)))),
    "logistic": Smooth(logistic, _sides, lambda a: iv.negative(pr.multiply(_sides(a), tanh(times(0.5, a))))),
    "softplus": Smooth(softplus, logistic, _sides),
    "sqrt": Smooth(
        sqrt, lambda a: pr.divide(iv.point(0.5), sqrt(a)), lambda a: pr.divide(iv.point(-0.25), power(a, 1.5))
    ),
    "rsqrt": Smooth(
        lambda a: inverse(sqrt(a)),
        lambda a: pr.divide(iv.point(-0.5), power(a, 1.5)),
        lambda a: pr.divide(iv.point(0.75), power(a, 2.5)),
    ),
    "sinh": Smooth(sinh, cosh, sinh),
    "cosh": Smooth(cosh, sinh, cosh),
    "asinh": Smooth(
        arcsinh,
        lambda a: inverse(sqrt(_one_plus_square(a))),
        lambda a: iv.negative(pr.divide(a, power(_one_plus_square(a), 1.5))),
    ),
    "atan": Smooth(
        arctan,
        lambda a: inverse(_one_plus_square(a)),
        lambda a: pr.divide(times(-2.0, a), pr.square(_one_plus_square(a))),
    ),
    "erf": Smooth(erf, _gauss, lambda a: times(-2.0, pr.multiply(a, _gauss(a)))),
    "sin": Smooth(sin, cos, lambda a: iv.negative(sin(a))),
    "cos": Smooth(cos, lambda a: iv.negative(sin(a)), lambda a: iv.negative(cos(a))),
    "log_cosh": Smooth(lambda a: even_by_ends(a, _log_cosh_of_size), tanh, _sech_squared),
}
"""The smooth primitives of JAX by name, and two of their combinations."""
