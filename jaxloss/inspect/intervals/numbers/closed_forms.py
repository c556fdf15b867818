"""The closed forms of functions that the library computes by several formulas, as rules on enclosures.

Each is the real function that the formulas compute to within rounding, with its first two derivatives written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxloss.inspect.intervals.arithmetic import elementary as el
from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.elementary import by_ends, even_by_ends, plus, times
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.numbers import jets
from jaxloss.inspect.intervals.numbers.exponentials import log_of_sum
from jaxloss.inspect.intervals.numbers.jets import Jet, compose
from jaxloss.inspect.intervals.numbers.smooth import SMOOTH, Smooth, hyperbola, power_of

__all__ = [
    "WELSCH",
    "by_its_body",
    "cauchy",
    "charbonnier",
    "difference",
    "exp_excess",
    "gap",
    "geman_mcclure",
    "log1p_difference",
    "log_cosh",
    "logaddexp",
    "miss",
    "negative_log_sigmoid",
    "negative_log_sigmoids",
    "power",
    "pseudo_huber",
    "quotient",
    "sigmoid_sides",
    "softplus",
    "tukey",
    "weighted_negative_log_sigmoids",
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
    return (compose(power_of(number), x),)


def softplus(x: Jet) -> Outputs:
    """``log(1 + exp(x))``."""
    return (compose(SMOOTH["softplus"], x),)


def logaddexp(x: Jet, y: Jet) -> Outputs:
    """``log(exp(x) + exp(y))``."""
    return (log_of_sum((x, y)),)


def negative_log_sigmoid(z: Jet) -> Outputs:
    """``-log sigmoid(z)``."""
    return (compose(SMOOTH["softplus"], jets.negative(z)),)


def negative_log_sigmoids(z: Jet) -> Outputs:
    """``(-log sigmoid(z), -log sigmoid(-z))``."""
    return compose(SMOOTH["softplus"], jets.negative(z)), compose(SMOOTH["softplus"], z)


def weighted_negative_log_sigmoids(z: Jet, positive: Jet, negative: Jet) -> Outputs:
    """``-positive log sigmoid(z) - negative log sigmoid(-z)``."""
    missed, found = compose(SMOOTH["softplus"], jets.negative(z)), compose(SMOOTH["softplus"], z)
    return (jets.add(jets.multiply(positive, missed), jets.multiply(negative, found)),)


def sigmoid_sides(z: Jet) -> Outputs:
    """``(sigmoid(z), sigmoid(-z))``."""
    return compose(SMOOTH["logistic"], z), compose(SMOOTH["logistic"], jets.negative(z))


def miss(z: Jet, target: Jet) -> Outputs:
    """``target * sigmoid(-z) + (1 - target) * sigmoid(z)``."""
    up, down = compose(SMOOTH["logistic"], z), compose(SMOOTH["logistic"], jets.negative(z))
    rest = jets.subtract(jets.constant(1.0), target)
    return (jets.add(jets.multiply(target, down), jets.multiply(rest, up)),)


def log1p(x: Jet) -> Outputs:
    """``log(1 + x)``."""
    return (compose(SMOOTH["log1p"], x),)


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
    lambda a: pr.divide(plus(-1.0, a), a),
    lambda a: el.inverse(pr.square(a)),
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


_ARC = hyperbola(1.0)

_UNIT_PSEUDO_HUBER = Smooth(
    lambda a: even_by_ends(a, lambda u: pr.divide(pr.square(u), plus(1.0, _ARC.value(u)))), _ARC.slope, _ARC.curvature
)


def pseudo_huber(residual: Jet, delta: Jet) -> Outputs:
    """``delta**2 * (sqrt(1 + (residual / delta)**2) - 1)``."""
    if delta.number is None or not delta.number > 0:
        return None
    return (jets.multiply(jets.multiply(delta, delta), compose(_UNIT_PSEUDO_HUBER, jets.divide(residual, delta))),)


def charbonnier(residual: Jet, epsilon: Jet) -> Outputs:
    """``sqrt(residual**2 + epsilon**2)``."""
    if epsilon.number is None or not epsilon.number > 0:
        return None
    return (jets.multiply(epsilon, compose(_ARC, jets.divide(residual, epsilon))),)


def _twice_and_square(a: Interval) -> Interval:
    return plus(2.0, pr.square(a))


_CAUCHY = Smooth(
    lambda a: even_by_ends(a, lambda u: el.log1p(times(0.5, pr.square(u)))),
    lambda a: pr.divide(times(2.0, a), _twice_and_square(a)),
    lambda a: pr.divide(plus(4.0, times(-2.0, pr.square(a))), pr.square(_twice_and_square(a))),
)


def cauchy(residual: Jet, scale: Jet) -> Outputs:
    """``log(1 + (residual / scale)**2 / 2)``."""
    if scale.number is None or not scale.number > 0:
        return None
    return (compose(_CAUCHY, jets.divide(residual, scale)),)


def _shifted_square(a: Interval) -> Interval:
    return plus(4.0, pr.square(a))


_GEMAN_MCCLURE = Smooth(
    lambda a: even_by_ends(a, lambda u: by_ends(pr.square(u), lambda s: times(2.0, pr.divide(s, plus(4.0, s))))),
    lambda a: pr.divide(times(16.0, a), pr.square(_shifted_square(a))),
    lambda a: pr.divide(plus(64.0, times(-48.0, pr.square(a))), pr.integer_power(_shifted_square(a), 3)),
)


def geman_mcclure(u: Jet) -> Outputs:
    """``2 u**2 / (u**2 + 4)``."""
    return (compose(_GEMAN_MCCLURE, u),)


def _bell(a: Interval) -> Interval:
    return el.exp(times(-0.5, pr.square(a)))


WELSCH = Smooth(
    lambda a: iv.negative(el.expm1(times(-0.5, pr.square(a)))),
    lambda a: pr.multiply(a, _bell(a)),
    lambda a: pr.multiply(plus(1.0, iv.negative(pr.square(a))), _bell(a)),
)


def welsch(u: Jet) -> Outputs:
    """``1 - exp(-u**2 / 2)``."""
    return (compose(WELSCH, u),)


def _tukey_of_square(s: Interval) -> Interval:
    inner = plus(3.0, iv.negative(pr.multiply(s, plus(3.0, iv.negative(s)))))
    return pr.divide(pr.multiply(s, inner), iv.point(6.0))


_TUKEY = Smooth(
    lambda a: by_ends(pr.square(a), _tukey_of_square),
    lambda a: pr.multiply(a, pr.square(plus(1.0, iv.negative(pr.square(a))))),
    lambda a: pr.multiply(plus(1.0, iv.negative(pr.square(a))), plus(1.0, times(-5.0, pr.square(a)))),
)


def tukey(u: Jet) -> Outputs:
    """``(1 - (1 - u**2)**3) / 6``."""
    return (compose(_TUKEY, u),)
