"""Where a program chooses between numbers: selections, the larger and the smaller of two, and the magnitude.

In a box in which the choice is open the value may jump from one number to the other, and the slope with it.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic.arrays import Bools
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers.jets import Jet, negative
from jaxloss.inspect.intervals.numbers.parts import (
    ZERO,
    Part,
    add_parts,
    hull_with_zero,
    negative_part,
    or_zero,
    size_of,
)

__all__ = ["absolute", "choose", "direction", "maximum", "minimum"]


def _select_part(decided_first: Bools, decided_second: Bools, a: Part, b: Part) -> Part:
    if a is None and b is None:
        return None
    one, other = or_zero(a), or_zero(b)
    return iv.where(decided_first, one, iv.where(decided_second, other, iv.hull(one, other)))


def choose(condition: Truth, if_true: Jet, if_false: Jet) -> Jet:
    """One number where the condition holds and another where it fails; inside an undecided box, both, and a jump."""
    if not condition.may_fail.any():
        return if_true
    if not condition.may_hold.any():
        return if_false
    first, second = ~condition.may_fail, ~condition.may_hold
    undecided = condition.undecided
    jumps = _select_part(first, second, if_true.jumps, if_false.jumps)
    bends = _select_part(first, second, if_true.bends, if_false.bends)
    if undecided.any():
        jumps = _between(condition, jumps, if_true.value, if_false.value)
        bends = _between(condition, bends, or_zero(if_true.slope), or_zero(if_false.slope))
    opaque = {name: np.asarray(mask & ~second) for name, mask in if_true.opaque.items() if (mask & ~second).any()}
    for name, mask in if_false.opaque.items():
        if (mask & ~first).any():
            opaque[name] = opaque.get(name, np.zeros((), bool)) | (mask & ~first)
    return Jet(
        or_zero(_select_part(first, second, if_true.value, if_false.value)),
        _select_part(first, second, if_true.slope, if_false.slope),
        _select_part(first, second, if_true.curvature, if_false.curvature),
        jumps,
        bends,
        opaque,
        undefined=(if_true.undefined & ~second) | (if_false.undefined & ~first),
    )


def _between(condition: Truth, part: Part, if_true: Interval, if_false: Interval) -> Interval:
    """``part`` and, in undecided boxes, every step from one to the other that the condition can take."""
    up = iv.subtract(if_true, if_false)
    down = iv.negative(up)
    steps = iv.where(condition.turn > 0, up, iv.where(condition.turn < 0, down, iv.hull(up, down)))
    around = iv.hull(or_zero(part), iv.hull(steps, ZERO))
    return iv.where(condition.undecided, around, or_zero(part))


def direction(a: Jet, b: Jet) -> np.ndarray:
    """1 in boxes where ``a - b`` never falls, -1 where it never rises, else 0."""
    if a.jumps is not None or b.jumps is not None:
        return np.zeros((), int)
    slope = or_zero(add_parts(a.slope, negative_part(b.slope)))
    return np.where(slope.low >= 0, 1, np.where(slope.high <= 0, -1, 0))


def maximum(a: Jet, b: Jet, condition: Truth) -> Jet:
    """The larger one; ``condition`` is ``a >= b``. It does not jump where neither does, and it bends upwards."""
    result = choose(condition, a, b)
    if result is a or result is b or not condition.undecided.any():
        return result
    undecided = condition.undecided
    gap = size_of(add_parts(a.slope, negative_part(b.slope)))
    wild = (size_of(a.jumps) > 0) | (size_of(b.jumps) > 0)
    largest = np.maximum(size_of(a.jumps), size_of(b.jumps))
    jumps = iv.where(undecided, iv.symmetric(np.where(wild, largest, 0.0)), or_zero(result.jumps))
    upwards = iv.add(
        iv.Interval(np.zeros(gap.shape), gap, iv.CLOSED, iv.CLOSED), or_zero(hull_with_zero(a.bends, b.bends))
    )
    steepest = np.maximum(size_of(a.slope), size_of(b.slope))
    bends = iv.where(undecided, iv.where(wild, iv.symmetric(2 * steepest), upwards), or_zero(result.bends))
    return dataclasses.replace(result, value=iv.maximum(a.value, b.value), jumps=jumps, bends=bends)


def minimum(a: Jet, b: Jet, condition: Truth) -> Jet:
    """The smaller one; ``condition`` is ``a <= b``."""
    result = choose(condition, a, b)
    if result is a or result is b:
        return result
    return negative(maximum(negative(a), negative(b), condition))


def absolute(a: Jet, condition: Truth) -> Jet:
    """The magnitude; ``condition`` is ``a >= 0``."""
    result = maximum(a, negative(a), condition)
    return result if result is a else dataclasses.replace(result, value=iv.absolute(a.value))
