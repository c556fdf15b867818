"""Comparisons of intervals and logic with three values: true, false, or undecided inside a box."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from jaxloss.inspect.intervals.arithmetic.arrays import Bools
from jaxloss.inspect.intervals.arithmetic.interval import Interval

__all__ = ["Truth", "both", "either", "equal", "greater", "inverse", "of_constant", "same", "unsure"]

Turns: TypeAlias = NDArray[np.int_]
_ANY_TURN: Turns = np.zeros((), int)


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """Which answers a condition can take inside each box.

    Attributes:
        may_hold: Where it can be true.
        may_fail: Where it can be false.
        turn: 1 where it can change only from false to true as the input grows, -1 where only from true to false.
    """

    may_hold: Bools
    may_fail: Bools
    turn: Turns = dataclasses.field(default_factory=lambda: _ANY_TURN)

    @property
    def undecided(self) -> Bools:
        return self.may_hold & self.may_fail


def of_constant(value: bool) -> Truth:
    return Truth(np.asarray(value), np.asarray(not value))


def inverse(a: Truth) -> Truth:
    return Truth(a.may_fail, a.may_hold, -a.turn)


def unsure(a: Truth, where: Bools) -> Truth:
    """With any answer in some boxes."""
    return Truth(a.may_hold | where, a.may_fail | where, np.where(where, 0, a.turn))


def both(a: Truth, b: Truth) -> Truth:
    turn = np.where(
        a.undecided & b.undecided, np.where(a.turn == b.turn, a.turn, 0), np.where(a.undecided, a.turn, b.turn)
    )
    return Truth(a.may_hold & b.may_hold, a.may_fail | b.may_fail, turn)


def either(a: Truth, b: Truth) -> Truth:
    return inverse(both(inverse(a), inverse(b)))


def same(a: Truth, b: Truth) -> Truth:
    """Whether both have one answer."""
    return Truth(
        (a.may_hold & b.may_hold) | (a.may_fail & b.may_fail), (a.may_hold & b.may_fail) | (a.may_fail & b.may_hold)
    )


def greater(a: Interval, b: Interval, *, or_equal: bool = False) -> Truth:
    """``a > b``. Where the ends touch, it matters whether they are reached."""
    touching_above = (a.low == b.high) & ~(a.low_open | b.high_open)
    touching_below = (a.high == b.low) & ~(a.high_open | b.low_open)
    if or_equal:
        return Truth((a.high > b.low) | touching_below, a.low < b.high)
    return Truth(a.high > b.low, (a.low < b.high) | touching_above)


def equal(a: Interval, b: Interval) -> Truth:
    """``a == b``."""
    apart = inverse(greater(a, b, or_equal=True)), inverse(greater(b, a, or_equal=True))
    may_hold = apart[0].may_fail & apart[1].may_fail
    return Truth(may_hold, ~((a.low == b.high) & (a.high == b.low)))
