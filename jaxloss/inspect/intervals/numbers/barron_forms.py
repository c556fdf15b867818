"""The closed form of the general robust loss, for every shape parameter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from jaxloss.inspect.intervals.arithmetic import elementary as el
from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.elementary import even_by_ends, plus, times
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.numbers import jets
from jaxloss.inspect.intervals.numbers.closed_forms import WELSCH, Outputs
from jaxloss.inspect.intervals.numbers.jets import Jet, compose
from jaxloss.inspect.intervals.numbers.smooth import SMOOTH, Smooth

__all__ = ["barron", "barron_mass", "hyperbola"]


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


def hyperbola(x: Jet, y: Jet, scale: Jet) -> Outputs:
    """The same of ``x - y`` for a shape of 1."""
    if scale.number is None:
        return None
    return (compose(_unit_barron(1.0), jets.divide(jets.subtract(x, y), scale)),)


def _unit_barron(alpha: float) -> Smooth:
    if alpha == 2:
        return Smooth(lambda a: times(0.5, pr.square(a)), lambda a: a, lambda _: iv.point(1.0))
    if alpha == -math.inf:
        return WELSCH
    if alpha == math.inf:
        return _STEEPEST
    b = iv.absolute(iv.subtract(iv.point(alpha), iv.point(2.0)))
    half = times(0.5, iv.point(alpha))

    def spread(a: Interval) -> Interval:
        return el.log1p(pr.divide(pr.square(a), b))

    def raised(a: Interval, less: float) -> Interval:
        """``(1 + u**2 / b) ** (alpha / 2 - less)``."""
        return _even_by_ends_either_way(a, lambda u: el.exp(pr.multiply(plus(-less, half), spread(u))))

    def of_size(u: Interval) -> Interval:
        if alpha == 0:
            return spread(u)
        return pr.divide(pr.multiply(b, el.expm1(pr.multiply(half, spread(u)))), iv.point(alpha))

    def curvature(a: Interval) -> Interval:
        factor = plus(1.0, pr.divide(pr.multiply(plus(-1.0, iv.point(alpha)), pr.square(a)), b))
        return pr.multiply(factor, raised(a, 2.0))

    return Smooth(lambda a: even_by_ends(a, of_size), lambda a: pr.multiply(a, raised(a, 1.0)), curvature)


def _even_by_ends_either_way(a: Interval, fn: Callable[[Interval], Interval]) -> Interval:
    """A function of ``|a|`` that rises or falls with it all the way."""
    size = iv.absolute(a)
    closed = np.zeros((), bool)
    near = fn(Interval(size.low, size.low, closed, closed))
    far = fn(Interval(size.high, size.high, closed, closed))
    return dataclasses.replace(iv.hull(near, far), low_open=closed, high_open=closed)


_STEEPEST = Smooth(
    lambda a: el.expm1(times(0.5, pr.square(a))),
    lambda a: pr.multiply(a, el.exp(times(0.5, pr.square(a)))),
    lambda a: pr.multiply(plus(1.0, pr.square(a)), el.exp(times(0.5, pr.square(a)))),
)
