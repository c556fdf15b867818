"""A number that depends on the input: its value, its first two derivatives and its jumps, enclosed box by box.

The derivatives are those of the value, by the rules of calculus. What `jax.grad` returns is another matter: `opaque`
remembers where the two may differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxloss.inspect.intervals import interval as iv
from jaxloss.inspect.intervals.arrays import Bools
from jaxloss.inspect.intervals.elementary import SMOOTH, Smooth
from jaxloss.inspect.intervals.interval import Interval
from jaxloss.inspect.intervals.truth import Truth

__all__ = [
    "Jet",
    "absolute",
    "add",
    "choose",
    "compose",
    "constant",
    "direction",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "subtract",
    "unverified",
]

Part = Interval | None
"""An enclosure; None where the number is 0 in every box."""

_NOWHERE: Bools = np.zeros((), bool)

Opaque = Mapping[str, Bools]
"""In which boxes the number has passed something of this name, whose derivative in JAX nobody has verified."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A number as ``constant + form(of)``, for the forms ``"square"``, ``"exp"`` and ``"cosh"``.

    Functions of these, such as ``sqrt(1 + u**2)`` and ``log(1 + exp(u))``, have derivatives that cancel when they are
    put together from their parts.
    """

    form: str
    of: Jet
    constant: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """Enclosures over each box.

    Attributes:
        value: Of every point.
        slope: Of the first derivative, except at the points of `jumps` and `bends`.
        curvature: Of the second derivative, except at these.
        jumps: Of every jump of the value inside the box, 0 included.
        bends: Of every jump of the slope inside the box, 0 included.
        opaque: Where the gradient of JAX may be another one.
        made: How it was made, where that matters to what is made of it.
        undefined: Where it may be NaN.
    """

    value: Interval
    slope: Part = None
    curvature: Part = None
    jumps: Part = None
    bends: Part = None
    opaque: Opaque = dataclasses.field(default_factory=dict)
    made: Made | None = None
    undefined: Bools = dataclasses.field(default_factory=lambda: _NOWHERE)

    @property
    def number(self) -> float | None:
        """The number, if it is one for all boxes."""
        return float(self.value.low) if self.value.low.ndim == 0 and self.value.low == self.value.high else None


def constant(value: float) -> Jet:
    return Jet(iv.point(value))


def unverified(a: Jet, name: str, where: Bools) -> Jet:
    """The same number, whose gradient in JAX may be another one in some boxes.

    How it was made is forgotten: what is made of it must not go back to before.
    """
    return dataclasses.replace(a, made=None, opaque={**a.opaque, name: where})


def _add(*parts: Part) -> Part:
    total: Part = None
    for part in parts:
        total = part if total is None else total if part is None else iv.add(total, part)
    return total


def _multiply(*parts: Part) -> Part:
    product: Part = parts[0]
    for part in parts[1:]:
        product = None if product is None or part is None else iv.multiply(product, part)
    return product


def _negative(a: Part) -> Part:
    return None if a is None else iv.negative(a)


_ZERO = iv.point(0.0)


def _size(a: Part) -> np.ndarray:
    return np.zeros(()) if a is None else a.size


def _hull(*parts: Part) -> Part:
    """Around all of them and 0."""
    total: Part = None
    for part in parts:
        if part is not None:
            total = iv.hull(_ZERO if total is None else total, part)
    return total


def merge_opaque(*numbers: Jet) -> Opaque:
    merged: dict[str, Bools] = {}
    for number in numbers:
        for name, mask in number.opaque.items():
            merged[name] = merged[name] | mask if name in merged else mask
    return merged


def negative(a: Jet) -> Jet:
    parts = (_negative(part) for part in (a.slope, a.curvature, a.jumps, a.bends))
    return Jet(iv.negative(a.value), *parts, opaque=a.opaque)


def add(a: Jet, b: Jet) -> Jet:
    made = None
    for one, other in ((a, b), (b, a)):
        if one.made is not None and one.made.constant == 0 and other.number is not None:
            made = dataclasses.replace(one.made, constant=other.number)
    return Jet(
        iv.add(a.value, b.value),
        _add(a.slope, b.slope),
        _add(a.curvature, b.curvature),
        # Both may jump at one point, but each may also jump alone.
        _both_jump(a.jumps, b.jumps),
        _both_jump(a.bends, b.bends),
        merge_opaque(a, b),
        made=made,
    )


def _both_jump(a: Part, b: Part) -> Part:
    return _add(_hull(a), _hull(b))


def subtract(a: Jet, b: Jet) -> Jet:
    if a is b and np.isfinite(a.value.low).all() and np.isfinite(a.value.high).all():
        return constant(0.0)
    return add(a, negative(b))


def multiply(a: Jet, b: Jet) -> Jet:
    if a is b:
        squared = compose(SQUARE, a)
        return dataclasses.replace(squared, made=Made("square", a))
    if 0 in (a.number, b.number):
        # Only a finite partner: 0 times infinity is NaN.
        partner = b.value if a.number == 0 else a.value
        if np.isfinite(partner.low).all() and np.isfinite(partner.high).all():
            return constant(0.0)
    bends = _add(
        _hull(_multiply(a.value, b.bends)),
        _hull(_multiply(b.value, a.bends)),
        _hull(_multiply(a.slope, b.jumps)),
        _hull(_multiply(b.slope, a.jumps)),
    )
    twice = _multiply(a.slope, b.slope)
    return Jet(
        iv.multiply(a.value, b.value),
        _add(_multiply(a.slope, b.value), _multiply(a.value, b.slope)),
        _add(_multiply(a.curvature, b.value), _add(twice, twice), _multiply(a.value, b.curvature)),
        _add(_hull(_multiply(a.value, b.jumps)), _hull(_multiply(b.value, a.jumps))),
        bends,
        merge_opaque(a, b),
    )


def divide(a: Jet, b: Jet) -> Jet:
    if b.slope is None and b.jumps is None and b.curvature is None:
        parts = (None if p is None else iv.divide(p, b.value) for p in (a.slope, a.curvature, a.jumps, a.bends))
        return Jet(iv.divide(a.value, b.value), *parts, opaque=merge_opaque(a, b))
    if a.number == 1 and b.made is not None and b.made.form == "exp" and b.made.constant == 1:
        return compose(LOGISTIC, negative(b.made.of))
    inverse = compose(INVERSE, b)
    product = multiply(a, inverse)
    value = iv.divide(a.value, b.value)
    slope = iv.divide(_or_zero(_add(a.slope, _negative(_multiply(value, b.slope)))), b.value)
    return dataclasses.replace(product, value=value, slope=slope)


def _or_zero(a: Part) -> Interval:
    return _ZERO if a is None else a


def compose(outer: Smooth, a: Jet) -> Jet:
    """A smooth function of a number."""
    value = outer.value(a.value)
    if a.slope is None and a.jumps is None and a.bends is None and a.curvature is None:
        return Jet(value, opaque=a.opaque)
    slope, curvature = outer.slope(a.value), outer.curvature(a.value)
    squared = None if a.slope is None else iv.square(a.slope)
    return Jet(
        value,
        _multiply(slope, a.slope),
        _add(_multiply(curvature, squared), _multiply(slope, a.curvature)),
        _multiply(slope, a.jumps),
        _add(_multiply(slope, a.bends), _multiply(curvature, a.jumps, a.slope)),
        a.opaque,
    )


def _select_part(decided_first: Bools, decided_second: Bools, a: Part, b: Part) -> Part:
    if a is None and b is None:
        return None
    one, other = _or_zero(a), _or_zero(b)
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
        bends = _between(condition, bends, _or_zero(if_true.slope), _or_zero(if_false.slope))
    opaque = {name: np.asarray(mask & ~second) for name, mask in if_true.opaque.items() if (mask & ~second).any()}
    for name, mask in if_false.opaque.items():
        if (mask & ~first).any():
            opaque[name] = opaque.get(name, np.zeros((), bool)) | (mask & ~first)
    return Jet(
        _or_zero(_select_part(first, second, if_true.value, if_false.value)),
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
    around = iv.hull(_or_zero(part), iv.hull(steps, _ZERO))
    return iv.where(condition.undecided, around, _or_zero(part))


def direction(a: Jet, b: Jet) -> np.ndarray:
    """1 in boxes where ``a - b`` never falls, -1 where it never rises, else 0."""
    if a.jumps is not None or b.jumps is not None:
        return np.zeros((), int)
    slope = _or_zero(_add(a.slope, _negative(b.slope)))
    return np.where(slope.low >= 0, 1, np.where(slope.high <= 0, -1, 0))


def maximum(a: Jet, b: Jet, condition: Truth) -> Jet:
    """The larger one; ``condition`` is ``a >= b``. It does not jump where neither does, and it bends upwards."""
    result = choose(condition, a, b)
    if result is a or result is b or not condition.undecided.any():
        return result
    undecided = condition.undecided
    gap = _size(_add(a.slope, _negative(b.slope)))
    wild = (_size(a.jumps) > 0) | (_size(b.jumps) > 0)
    largest = np.maximum(_size(a.jumps), _size(b.jumps))
    jumps = iv.where(undecided, iv.symmetric(np.where(wild, largest, 0.0)), _or_zero(result.jumps))
    upwards = iv.add(iv.Interval(np.zeros(gap.shape), gap, *_CLOSED), _or_zero(_hull(a.bends, b.bends)))
    steepest = np.maximum(_size(a.slope), _size(b.slope))
    bends = iv.where(undecided, iv.where(wild, iv.symmetric(2 * steepest), upwards), _or_zero(result.bends))
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


_CLOSED = (np.zeros((), bool), np.zeros((), bool))

SQUARE = Smooth(iv.square, lambda a: iv.multiply(iv.point(2.0), a), lambda _: iv.point(2.0))
LOGISTIC = SMOOTH["logistic"]
INVERSE = Smooth(
    lambda a: iv.divide(iv.point(1.0), a),
    lambda a: iv.divide(iv.point(-1.0), iv.square(a)),
    lambda a: iv.divide(iv.point(2.0), iv.integer_power(a, 3)),
)
