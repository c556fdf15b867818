"""Sums of exponentials, their logarithms and their shares: softmax and what is made of it, without its cancellation.

The logarithm of a sum is convex in its exponents, and a share is the logistic function of a difference of two such
logarithms. Put together from exponentials, products and quotients, both would lose that.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.arrays import Floats
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.numbers import jets
from jaxloss.inspect.intervals.numbers.jets import Jet, Made, compose
from jaxloss.inspect.intervals.numbers.parts import Part, or_zero
from jaxloss.inspect.intervals.numbers.smooth import SMOOTH

__all__ = ["divide", "log", "log_of_sum", "logistic", "miss_of", "subtract", "surprisal"]


def logistic(a: Jet) -> Jet:
    """``1 / (1 + exp(-a))``, which remembers its argument."""
    return dataclasses.replace(compose(SMOOTH["logistic"], a), made=Made("logistic", (a,)))


def log_of_sum(exponents: Sequence[Jet]) -> Jet:
    """``log(sum(exp(a) for a in exponents))`` of at least one."""
    return functools.reduce(_log_of_two, exponents)


def _log_of_two(a: Jet, b: Jet) -> Jet:
    if a.number == -np.inf:
        return b
    if b.number == -np.inf:
        return a
    gap = jets.subtract(a, b)
    plain = jets.add(b, compose(SMOOTH["softplus"], gap))
    low, high = _at_ends(a.value.low, b.value.low).low, _at_ends(a.value.high, b.value.high).high
    value = iv.meet(plain.value, iv.bounded(low, high))
    if a.slope is None and b.slope is None and a.curvature is None and b.curvature is None:
        return dataclasses.replace(plain, value=value)
    up, down = SMOOTH["logistic"].value(gap.value), SMOOTH["logistic"].value(iv.negative(gap.value))
    bow = pr.multiply(SMOOTH["softplus"].curvature(gap.value), pr.square(or_zero(gap.slope)))
    curvature = iv.add(_mean(up, a.curvature, down, b.curvature), bow)
    return dataclasses.replace(plain, value=value, slope=_mean(up, a.slope, down, b.slope), curvature=curvature)


def _at_ends(x: Floats, y: Floats) -> Interval:
    """``log(exp(x) + exp(y))`` of single numbers."""
    larger, smaller = np.maximum(x, y), np.minimum(x, y)
    top = Interval(larger, larger, iv.CLOSED, iv.CLOSED)
    gap = iv.subtract(Interval(smaller, smaller, iv.CLOSED, iv.CLOSED), top)
    return iv.add(top, SMOOTH["softplus"].value(gap))


def _mean(up: Interval, a: Part, down: Interval, b: Part) -> Interval:
    """``up * a + down * b`` for weights that add up to 1: between the two, and exact where they are equal."""
    one, other = or_zero(a), or_zero(b)
    return iv.meet(iv.hull(one, other), iv.add(pr.multiply(up, one), pr.multiply(down, other)))


def _same(a: Jet, b: Jet) -> bool:
    return a is b or (a.number is not None and a.number == b.number)


def _rest(all_of_it: Sequence[Jet], part: Sequence[Jet]) -> list[Jet] | None:
    """The exponents that are not in ``part``; None if ``part`` has one that is not among them."""
    left = list(all_of_it)
    for one in part:
        place = next((index for index, other in enumerate(left) if _same(one, other)), None)
        if place is None:
            return None
        del left[place]
    return left


def _plain(*numbers: Jet) -> bool:
    """Whether floats neither overflow nor underflow to 0 in any of them."""
    return all((a.value.low > 0).all() and np.isfinite(a.value.high).all() for a in numbers)


def log(a: Jet) -> Jet:
    """The logarithm."""
    made = a.made
    if made is not None and _plain(a):
        if made.form == "exp" and made.of:
            return log_of_sum(made.of)
        if made.form == "logistic" and made.constant == 0:
            return jets.negative(compose(SMOOTH["softplus"], jets.negative(made.of[0])))
        if made.form == "cosh" and made.constant == 0:
            return compose(SMOOTH["log_cosh"], made.of[0])
    return compose(SMOOTH["log"], a)


def subtract(a: Jet, b: Jet) -> Jet:
    """``a - b``, also where ``a`` is a sum of exponentials that ``b`` is a part of."""
    if a.number == 1 and b.made is not None and b.made.form == "logistic" and b.made.constant == 0:
        return logistic(jets.negative(b.made.of[0]))
    if a.made is not None and a.made.form == "exp" and _plain(a, b):
        part = jets.exponents(b)
        left = None if part is None else _rest(a.made.of, part)
        if left:
            exponentials = [dataclasses.replace(compose(SMOOTH["exp"], u), made=Made("exp", (u,))) for u in left]
            return functools.reduce(jets.add, exponentials)
    return jets.subtract(a, b)


def divide(a: Jet, b: Jet) -> Jet:
    """``a / b``, also where both are sums of exponentials, and ``a`` is a part of ``b``."""
    if b.made is not None and b.made.form == "exp" and _plain(a, b):
        part = jets.exponents(a)
        left = None if part is None else _rest(b.made.of, part)
        if part and left:
            return logistic(jets.subtract(log_of_sum(part), log_of_sum(left)))
    return jets.divide(a, b)


def miss_of(exponents: Sequence[Jet], place: int) -> Jet:
    """``log(sum(exp(others - own)))`` for one of at least two exponents: minus the logit of its share."""
    own = exponents[place]
    return log_of_sum([jets.subtract(other, own) for index, other in enumerate(exponents) if index != place])


def surprisal(exponents: Sequence[Jet], place: int) -> Jet:
    """Minus the logarithm of a share: ``log(sum(exp(exponents))) - exponents[place]``."""
    if len(exponents) == 1:
        return jets.constant(0.0)
    return compose(SMOOTH["softplus"], miss_of(exponents, place))
