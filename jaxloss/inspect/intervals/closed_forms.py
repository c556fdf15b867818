"""The closed forms of functions that the library computes by several formulas, as rules on enclosures.

Each is the real function that the formulas compute to within rounding, with its first two derivatives written out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxloss.inspect.intervals import elementary as el
from jaxloss.inspect.intervals import interval as iv
from jaxloss.inspect.intervals import jets
from jaxloss.inspect.intervals.elementary import SMOOTH, Smooth, by_ends, even_by_ends, plus, times
from jaxloss.inspect.intervals.interval import Interval
from jaxloss.inspect.intervals.jets import Jet, compose

__all__ = [
    "barron",
    "barron_mass",
    "by_its_body",
    "difference",
    "exp_excess",
    "gap",
    "geman_mcclure",
    "log1p_difference",
    "log_cosh",
    "logaddexp",
    "miss",
    "negative_log_sigmoids",
    "power",
    "pseudo_huber",
    "quotient",
    "sigmoid_sides",
    "softplus",
    "tukey",
    "welsch",
]

Outputs = Sequence[Jet] | None


def by_its_body(*_inputs: Jet) -> Outputs:
    """Functions whose body is one formula."""
    return None


def difference(x: Jet, y: Jet) -> Outputs:
    """``x - y``."""
    return (jets.subtract(x, y),)


def quotient(x: Jet, y: Jet) -> Outputs:
    """``x / y``."""
    return (jets.divide(x, y),)


def power(x: Jet, exponent: Jet) -> Outputs:
    """``x ** exponent`` for ``x >= 0``."""
    number = exponent.number
    if number is None or (x.value.low < 0).any():
        return None
    return (compose(el.power_of(number), x),)


def softplus(x: Jet) -> Outputs:
    """``log(1 + exp(x))``."""
    return (compose(SMOOTH["softplus"], x),)


def logaddexp(x: Jet, y: Jet) -> Outputs:
    """``log(exp(x) + exp(y))``."""
    if x.number is not None:
        x, y = y, x
    if y.number is None or not math.isfinite(y.number):
        return None
    rest = x if y.number == 0 else jets.subtract(x, y)
    return (jets.add(y, compose(SMOOTH["softplus"], rest)),)


def negative_log_sigmoids(z: Jet) -> Outputs:
    """``(-log sigmoid(z), -log sigmoid(-z))``."""
    return compose(SMOOTH["softplus"], jets.negative(z)), compose(SMOOTH["softplus"], z)


def sigmoid_sides(z: Jet) -> Outputs:
    """``(sigmoid(z), sigmoid(-z))``."""
    return compose(SMOOTH["logistic"], z), compose(SMOOTH["logistic"], jets.negative(z))


def miss(z: Jet, target: Jet) -> Outputs:
    """``target * sigmoid(-z) + (1 - target) * sigmoid(z)``."""
    up, down = compose(SMOOTH["logistic"], z), compose(SMOOTH["logistic"], jets.negative(z))
    rest = jets.subtract(jets.constant(1.0), target)
    return (jets.add(jets.multiply(target, down), jets.multiply(rest, up)),)


def log1p_difference(x: Jet, y: Jet) -> Outputs:
    """``log1p(x) - log1p(y)``, for a constant on one side ``log1p`` of the relative gap to it."""
    for moving, fixed, sign in ((x, y, 1.0), (y, x, -1.0)):
        if fixed.number is not None and fixed.number > -1:
            base = jets.add(jets.constant(1.0), fixed)
            apart = compose(SMOOTH["log1p"], jets.divide(jets.subtract(moving, fixed), base))
            return (jets.multiply(jets.constant(sign), apart),)
    return None


def _valley(bottom: float, side: Callable[[Interval], Interval]) -> Callable[[Interval], Interval]:
    """A function >= 0 that falls to 0 at ``bottom`` and rises from there."""

    def value(a: Interval) -> Interval:
        closed = np.zeros((), bool)
        low_end = side(Interval(a.low, a.low, closed, closed))
        high_end = side(Interval(a.high, a.high, closed, closed))
        inside = (a.low <= bottom) & (a.high >= bottom)
        least = np.where(inside, 0.0, np.maximum(np.minimum(low_end.low, high_end.low), 0.0))
        at_bottom = (a.low == bottom) & (a.high == bottom)
        return iv.bounded(least, np.where(at_bottom, 0.0, np.maximum(low_end.high, high_end.high)))

    return value


_EXP_EXCESS = Smooth(_valley(0.0, lambda a: iv.subtract(el.expm1(a), a)), el.expm1, el.exp)

_GAP = Smooth(
    _valley(1.0, lambda a: iv.subtract(plus(-1.0, a), el.log(a))),
    lambda a: iv.divide(plus(-1.0, a), a),
    lambda a: el.inverse(iv.square(a)),
)


def exp_excess(x: Jet) -> Outputs:
    """``exp(x) - 1 - x``."""
    return (compose(_EXP_EXCESS, x),)


def gap(p: Jet, q: Jet, _difference: Jet) -> Outputs:
    """``p / q - 1 - log(p / q)`` for positive ``p`` and ``q``."""
    if (p.value.low <= 0).any() or (q.value.low <= 0).any():
        return None
    return (compose(_GAP, jets.divide(p, q)),)


def log_cosh(x: Jet) -> Outputs:
    """``log(cosh(x))``."""
    return (compose(SMOOTH["log_cosh"], x),)


_ARC = el.hyperbola(1.0)

_UNIT_PSEUDO_HUBER = Smooth(
    lambda a: even_by_ends(a, lambda u: iv.divide(iv.square(u), plus(1.0, _ARC.value(u)))), _ARC.slope, _ARC.curvature
)


def pseudo_huber(residual: Jet, delta: Jet) -> Outputs:
    """``delta**2 * (sqrt(1 + (residual / delta)**2) - 1)``."""
    if delta.number is None or not delta.number > 0:
        return None
    return (jets.multiply(jets.multiply(delta, delta), compose(_UNIT_PSEUDO_HUBER, jets.divide(residual, delta))),)


def _shifted_square(a: Interval) -> Interval:
    return plus(4.0, iv.square(a))


_GEMAN_MCCLURE = Smooth(
    lambda a: even_by_ends(a, lambda u: by_ends(iv.square(u), lambda s: times(2.0, iv.divide(s, plus(4.0, s))))),
    lambda a: iv.divide(times(16.0, a), iv.square(_shifted_square(a))),
    lambda a: iv.divide(plus(64.0, times(-48.0, iv.square(a))), iv.integer_power(_shifted_square(a), 3)),
)


def geman_mcclure(u: Jet) -> Outputs:
    """``2 u**2 / (u**2 + 4)``."""
    return (compose(_GEMAN_MCCLURE, u),)


def _bell(a: Interval) -> Interval:
    return el.exp(times(-0.5, iv.square(a)))


_WELSCH = Smooth(
    lambda a: iv.negative(el.expm1(times(-0.5, iv.square(a)))),
    lambda a: iv.multiply(a, _bell(a)),
    lambda a: iv.multiply(plus(1.0, iv.negative(iv.square(a))), _bell(a)),
)


def welsch(u: Jet) -> Outputs:
    """``1 - exp(-u**2 / 2)``."""
    return (compose(_WELSCH, u),)


def _tukey_of_square(s: Interval) -> Interval:
    inner = plus(3.0, iv.negative(iv.multiply(s, plus(3.0, iv.negative(s)))))
    return iv.divide(iv.multiply(s, inner), iv.point(6.0))


_TUKEY = Smooth(
    lambda a: by_ends(iv.square(a), _tukey_of_square),
    lambda a: iv.multiply(a, iv.square(plus(1.0, iv.negative(iv.square(a))))),
    lambda a: iv.multiply(plus(1.0, iv.negative(iv.square(a))), plus(1.0, times(-5.0, iv.square(a)))),
)


def tukey(u: Jet) -> Outputs:
    """``(1 - (1 - u**2)**3) / 6``."""
    return (compose(_TUKEY, u),)


def barron_mass(residual: Jet, scale: Jet, gap_: Jet) -> Outputs:
    """``b log(1 + u**2 / b)`` with ``u = residual / scale``; ``u**2`` for an infinite ``b``."""
    if scale.number is None or gap_.number is None:
        return None
    u = jets.divide(residual, scale)
    if math.isinf(gap_.number):
        return (jets.multiply(u, u),)
    return (jets.multiply(gap_, compose(SMOOTH["log1p"], jets.divide(jets.multiply(u, u), gap_))),)


def barron(residual: Jet, scale: Jet, alpha: Jet) -> Outputs:
    """The general robust loss of ``u = residual / scale``."""
    if scale.number is None or alpha.number is None:
        return None
    return (compose(_unit_barron(alpha.number), jets.divide(residual, scale)),)


def _unit_barron(alpha: float) -> Smooth:
    if alpha == 2:
        return Smooth(lambda a: times(0.5, iv.square(a)), lambda a: a, lambda _: iv.point(1.0))
    if alpha == -math.inf:
        return _WELSCH
    if alpha == math.inf:
        return _STEEPEST
    b = iv.absolute(iv.subtract(iv.point(alpha), iv.point(2.0)))
    half = times(0.5, iv.point(alpha))

    def spread(a: Interval) -> Interval:
        return el.log1p(iv.divide(iv.square(a), b))

    def raised(a: Interval, less: float) -> Interval:
        """``(1 + u**2 / b) ** (alpha / 2 - less)``."""
        return even_by_ends_either_way(a, lambda u: el.exp(iv.multiply(plus(-less, half), spread(u))))

    def of_size(u: Interval) -> Interval:
        if alpha == 0:
            return spread(u)
        return iv.divide(iv.multiply(b, el.expm1(iv.multiply(half, spread(u)))), iv.point(alpha))

    def curvature(a: Interval) -> Interval:
        factor = plus(1.0, iv.divide(iv.multiply(plus(-1.0, iv.point(alpha)), iv.square(a)), b))
        return iv.multiply(factor, raised(a, 2.0))

    return Smooth(lambda a: even_by_ends(a, of_size), lambda a: iv.multiply(a, raised(a, 1.0)), curvature)


def even_by_ends_either_way(a: Interval, fn: Callable[[Interval], Interval]) -> Interval:
    """A function of ``|a|`` that rises or falls with it all the way."""
    size = iv.absolute(a)
    closed = np.zeros((), bool)
    near = fn(Interval(size.low, size.low, closed, closed))
    far = fn(Interval(size.high, size.high, closed, closed))
    return dataclasses.replace(iv.hull(near, far), low_open=closed, high_open=closed)


_STEEPEST = Smooth(
    lambda a: el.expm1(times(0.5, iv.square(a))),
    lambda a: iv.multiply(a, el.exp(times(0.5, iv.square(a)))),
    lambda a: iv.multiply(plus(1.0, iv.square(a)), el.exp(times(0.5, iv.square(a)))),
)
