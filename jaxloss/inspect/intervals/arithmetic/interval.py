"""Interval arithmetic over many boxes at once, with outward rounding, and with ends that are known not to be reached.

An end is *open* if no point inside the box takes it. A box that touches a kink is open there, and what is computed
from it by exact steps stays open, so that a comparison is decided on the whole inside of the box.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxloss.inspect.intervals.arithmetic import rounding
from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats

__all__ = [
    "CLOSED",
    "Interval",
    "absolute",
    "add",
    "bounded",
    "hull",
    "maximum",
    "meet",
    "negative",
    "point",
    "subtract",
    "symmetric",
    "where",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """One interval per box.

    Attributes:
        low: Lower ends.
        high: Upper ends.
        low_open: Where the lower end is not reached inside the box.
        high_open: Where the upper end is not reached inside the box.
    """

    low: Floats
    high: Floats
    low_open: Bools
    high_open: Bools

    @property
    def is_point(self) -> Bools:
        return self.low == self.high

    @property
    def size(self) -> Floats:
        """The largest magnitude."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


CLOSED: Bools = np.zeros((), bool)
"""An end that may be reached."""


def bounded(low: Floats, high: Floats, low_open: Bools = CLOSED, high_open: Bools = CLOSED) -> Interval:
    """The interval, the whole line where an end is NaN."""
    lost = np.isnan(low) | np.isnan(high)
    if lost.any():
        low, high = np.where(lost, -np.inf, low), np.where(lost, np.inf, high)
        low_open, high_open = low_open & ~lost, high_open & ~lost
    return Interval(low, high, low_open, high_open)


def point(value: float) -> Interval:
    """The same number for all boxes; the whole line for NaN."""
    number = np.asarray(value, np.float64)
    return bounded(number, number)


def symmetric(radius: Floats) -> Interval:
    """``[-radius, radius]``."""
    return Interval(-radius, radius, CLOSED, CLOSED)


def negative(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.high_open, a.low_open)


def add(a: Interval, b: Interval) -> Interval:
    low, high = a.low + b.low, a.high + b.high
    exact_low = rounding.is_exact_sum(a.low, b.low, low)
    exact_high = rounding.is_exact_sum(a.high, b.high, high)
    return bounded(
        np.where(exact_low, low, rounding.below(low)),
        np.where(exact_high, high, rounding.above(high)),
        ~exact_low | a.low_open | b.low_open,
        ~exact_high | a.high_open | b.high_open,
    )


def subtract(a: Interval, b: Interval) -> Interval:
    return add(a, negative(b))


def hull(a: Interval, b: Interval) -> Interval:
    """The smallest interval around both."""
    return _merge(a, b, a.low <= b.low, a.high >= b.high, a.low == b.low, a.high == b.high)


def maximum(a: Interval, b: Interval) -> Interval:
    """``max(a, b)``."""
    low_tie, high_tie = a.low == b.low, a.high == b.high
    result = _merge(a, b, a.low >= b.low, a.high >= b.high, low_tie, high_tie)
    # The larger of two reaches a common lower end only if both do.
    return dataclasses.replace(result, low_open=np.where(low_tie, a.low_open | b.low_open, result.low_open))


def _merge(a: Interval, b: Interval, low_a: Bools, high_a: Bools, low_tie: Bools, high_tie: Bools) -> Interval:
    return Interval(
        np.where(low_a, a.low, b.low),
        np.where(high_a, a.high, b.high),
        np.where(low_tie, a.low_open & b.low_open, np.where(low_a, a.low_open, b.low_open)),
        np.where(high_tie, a.high_open & b.high_open, np.where(high_a, a.high_open, b.high_open)),
    )


def meet(a: Interval, b: Interval) -> Interval:
    """The common part of two enclosures of the same number; ``a`` where there is none."""
    low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    empty = low > high
    return Interval(np.where(empty, a.low, low), np.where(empty, a.high, high), CLOSED, CLOSED)


def where(condition: Bools, a: Interval, b: Interval) -> Interval:
    """``a`` in the boxes of ``condition``, ``b`` elsewhere."""
    return Interval(
        np.where(condition, a.low, b.low),
        np.where(condition, a.high, b.high),
        np.where(condition, a.low_open, b.low_open),
        np.where(condition, a.high_open, b.high_open),
    )


def absolute(a: Interval) -> Interval:
    low = np.where((a.low < 0) & (a.high > 0), 0.0, np.minimum(np.abs(a.low), np.abs(a.high)))
    positive, negative_ = a.low >= 0, a.high <= 0
    low_open = np.where(positive, a.low_open, np.where(negative_, a.high_open, False))
    return Interval(low, a.size, low_open, np.where(positive, a.high_open, np.where(negative_, a.low_open, False)))
