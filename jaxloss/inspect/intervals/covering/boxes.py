"""Boxes that tile the domain, with what is known over each of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.interpreter import Program

__all__ = ["Boxes", "enclose", "join"]


@dataclasses.dataclass(frozen=True)
class Boxes:
    """Intervals of the input, and the lower and upper ends of what the loss does inside.

    Attributes:
        low: Lower ends of the boxes.
        high: Upper ends of the boxes.
        middle: A point inside.
        value: Of every point.
        slope: Of the first derivative off the kinks.
        curvature: Of the second derivative off the kinks.
        jumps: Of every jump of the value inside, 0 included.
        bends: Of every jump of the slope inside, 0 included.
        middle_value: Of the value at ``middle``; likewise the next two.
        opaque: Where JAX may have another gradient than the derivative.
    """

    low: Floats
    high: Floats
    middle: Floats
    value: Floats
    slope: Floats
    curvature: Floats
    jumps: Floats
    bends: Floats
    middle_value: Floats
    middle_slope: Floats
    middle_curvature: Floats
    opaque: Bools

    @property
    def clean(self) -> Bools:
        """Where neither value nor slope jumps inside."""
        return (np.abs(self.jumps).max(0) == 0) & (np.abs(self.bends).max(0) == 0)

    @property
    def size(self) -> int:
        return self.low.size

    def take(self, which: np.ndarray) -> Boxes:
        return Boxes(*(getattr(self, f.name)[..., which] for f in dataclasses.fields(self)))


def join(*parts: Boxes) -> Boxes:
    """All boxes, from left to right."""
    names = [f.name for f in dataclasses.fields(Boxes)]
    whole = Boxes(*(np.concatenate([getattr(part, name) for part in parts], -1) for name in names))
    return whole.take(np.argsort(whole.low, kind="stable"))


_WHOLE_LINE = np.asarray([[-np.inf], [np.inf]])


def _ends(part: Interval | None, size: int) -> Floats:
    if part is None:
        return np.zeros((2, size))
    return np.stack([np.broadcast_to(part.low, (size,)), np.broadcast_to(part.high, (size,))])


def _as_interval(ends: Floats) -> Interval:
    closed = np.zeros((), bool)
    return Interval(ends[0], ends[1], closed, closed)


def parts(jet: Jet, size: int) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """The ends of value, slope, curvature, jumps and bends; the whole line where the number may be NaN."""
    ends = (_ends(part, size) for part in (jet.value, jet.slope, jet.curvature))
    value, slope, curvature = (np.where(jet.undefined, _WHOLE_LINE, part) for part in ends)
    return value, slope, curvature, _ends(jet.jumps, size), _ends(jet.bends, size)


def enclose(program: Program, low: Floats, high: Floats, kinks: Floats) -> Boxes:
    """Evaluate over boxes, which are open at ``kinks``, and tighten by the mean value theorem where nothing jumps."""
    size = low.size
    jet = program(low, high, np.isin(low, kinks), np.isin(high, kinks))
    value, slope, curvature, jumps, bends = parts(jet, size)
    middle = low + 0.5 * (high - low)
    inside = (middle > low) & (middle < high)
    closed = np.zeros(size, bool)
    middle_value, middle_slope, middle_curvature, *_ = parts(program(middle, middle, closed, closed), size)
    with np.errstate(all="ignore"):
        sound = inside & ~jumps.any(0) & ~bends.any(0)
        offset = iv.subtract(Interval(low, high, closed, closed), Interval(middle, middle, closed, closed))
        slope = _tightened(slope, middle_slope, curvature, offset, sound)
        value = _tightened(value, middle_value, slope, offset, sound)
    opaque = np.zeros(size, bool)
    for mask in jet.opaque.values():
        opaque = opaque | mask
    # Beside a kink the middle of two neighbouring floats is the kink itself.
    for at_middle, over_box in ((middle_value, value), (middle_slope, slope), (middle_curvature, curvature)):
        at_middle[:] = np.where(inside, at_middle, over_box)
    return Boxes(
        low, high, middle, value, slope, curvature, jumps, bends, middle_value, middle_slope, middle_curvature, opaque
    )


def _tightened(ends: Floats, at_middle: Floats, slope: Floats, offset: Interval, sound: Bools) -> Floats:
    """The part of an enclosure that its slope can reach from the middle."""
    reach = iv.add(_as_interval(at_middle), pr.multiply(_as_interval(slope), offset))
    met = iv.meet(_as_interval(ends), reach)
    return np.where(sound, np.stack([met.low, met.high]), ends)
