"""A number that depends on the input: its value, its first two derivatives and its jumps, enclosed box by box.

The derivatives are those of the value, by the rules of calculus. What `jax.grad` returns is another matter: `opaque`
remembers where the two may differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.arrays import Bools
from jaxloss.inspect.intervals.arithmetic.elementary import log
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.numbers.parts import (
    Part,
    add_parts,
    hull_with_zero,
    multiply_parts,
    negative_part,
    or_zero,
)
from jaxloss.inspect.intervals.numbers.smooth import INVERSE, SQUARE, Smooth

__all__ = [
    "Jet",
    "Made",
    "add",
    "compose",
    "constant",
    "divide",
    "exponents",
    "multiply",
    "negative",
    "subtract",
    "unverified",
]

NOWHERE: Bools = np.zeros((), bool)

Opaque = Mapping[str, Bools]
"""In which boxes the number has passed something of this name, whose derivative in JAX nobody has verified."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A number as ``constant + form(of)``, for the forms ``"square"``, ``"cosh"`` and ``"logistic"``, or as a sum.

    The form ``"exp"`` is the sum of the exponentials of all its parts, without a constant. Functions of these, such as
    ``sqrt(1 + u**2)`` and ``log(1 + exp(u))``, have derivatives that cancel when they are put together from parts.
    """

    form: str
    of: tuple[Jet, ...]
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
    undefined: Bools = dataclasses.field(default_factory=lambda: NOWHERE)

    @property
    def number(self) -> float | None:
        """The number, if it is one for all boxes and its gradient in JAX is 0 for certain."""
        if self.slope is not None or self.jumps is not None or self.bends is not None or self.opaque:
            return None
        return float(self.value.low) if self.value.low.ndim == 0 and self.value.low == self.value.high else None


def constant(value: float) -> Jet:
    return Jet(iv.point(value))


def unverified(a: Jet, name: str, where: Bools) -> Jet:
    """The same number, whose gradient in JAX may be another one in some boxes.

    How it was made is forgotten: what is made of it must not go back to before.
    """
    return dataclasses.replace(a, made=None, opaque={**a.opaque, name: where})


def merge_opaque(*numbers: Jet) -> Opaque:
    merged: dict[str, Bools] = {}
    for number in numbers:
        for name, mask in number.opaque.items():
            merged[name] = merged[name] | mask if name in merged else mask
    return merged


def negative(a: Jet) -> Jet:
    parts = (negative_part(part) for part in (a.slope, a.curvature, a.jumps, a.bends))
    return Jet(iv.negative(a.value), *parts, opaque=a.opaque)


def exponents(a: Jet) -> tuple[Jet, ...] | None:
    """The numbers whose exponentials add up to this one; None if there are none."""
    if a.made is not None:
        return a.made.of if a.made.form == "exp" else None
    if a.number is None or not 0 <= a.number < np.inf:
        return None
    return () if a.number == 0 else (Jet(log(a.value)),)


def _made_by_adding(a: Jet, b: Jet) -> Made | None:
    for one, other in ((a, b), (b, a)):
        if one.made is None:
            continue
        if one.made.form == "exp":
            parts, more = one.made.of, exponents(other)
            return None if more is None else Made("exp", parts + more)
        if one.made.constant == 0 and other.number is not None:
            return dataclasses.replace(one.made, constant=other.number)
    return None


def add(a: Jet, b: Jet) -> Jet:
    return Jet(
        iv.add(a.value, b.value),
        add_parts(a.slope, b.slope),
        add_parts(a.curvature, b.curvature),
        # Both may jump at one point, but each may also jump alone.
        _both_jump(a.jumps, b.jumps),
        _both_jump(a.bends, b.bends),
        merge_opaque(a, b),
        made=_made_by_adding(a, b),
    )


def _both_jump(a: Part, b: Part) -> Part:
    return add_parts(hull_with_zero(a), hull_with_zero(b))


def subtract(a: Jet, b: Jet) -> Jet:
    if a is b and np.isfinite(a.value.low).all() and np.isfinite(a.value.high).all():
        return constant(0.0)
    return add(a, negative(b))


def multiply(a: Jet, b: Jet) -> Jet:
    if a is b:
        squared = compose(SQUARE, a)
        return dataclasses.replace(squared, made=Made("square", (a,)))
    if 0 in (a.number, b.number):
        # Only a finite partner: 0 times infinity is NaN.
        partner = b.value if a.number == 0 else a.value
        if np.isfinite(partner.low).all() and np.isfinite(partner.high).all():
            return constant(0.0)
    bends = add_parts(
        hull_with_zero(multiply_parts(a.value, b.bends)),
        hull_with_zero(multiply_parts(b.value, a.bends)),
        hull_with_zero(multiply_parts(a.slope, b.jumps)),
        hull_with_zero(multiply_parts(b.slope, a.jumps)),
    )
    twice = multiply_parts(a.slope, b.slope)
    return Jet(
        pr.multiply(a.value, b.value),
        add_parts(multiply_parts(a.slope, b.value), multiply_parts(a.value, b.slope)),
        add_parts(multiply_parts(a.curvature, b.value), add_parts(twice, twice), multiply_parts(a.value, b.curvature)),
        add_parts(hull_with_zero(multiply_parts(a.value, b.jumps)), hull_with_zero(multiply_parts(b.value, a.jumps))),
        bends,
        merge_opaque(a, b),
    )


def divide(a: Jet, b: Jet) -> Jet:
    if b.slope is None and b.jumps is None and b.curvature is None:
        parts = (None if p is None else pr.divide(p, b.value) for p in (a.slope, a.curvature, a.jumps, a.bends))
        return Jet(pr.divide(a.value, b.value), *parts, opaque=merge_opaque(a, b))
    inverse = compose(INVERSE, b)
    product = multiply(a, inverse)
    value = pr.divide(a.value, b.value)
    slope = pr.divide(or_zero(add_parts(a.slope, negative_part(multiply_parts(value, b.slope)))), b.value)
    return dataclasses.replace(product, value=value, slope=slope)


def compose(outer: Smooth, a: Jet) -> Jet:
    """A smooth function of a number."""
    value = outer.value(a.value)
    if a.slope is None and a.jumps is None and a.bends is None and a.curvature is None:
        return Jet(value, opaque=a.opaque)
    slope, curvature = outer.slope(a.value), outer.curvature(a.value)
    squared = None if a.slope is None else pr.square(a.slope)
    return Jet(
        value,
        multiply_parts(slope, a.slope),
        add_parts(multiply_parts(curvature, squared), multiply_parts(slope, a.curvature)),
        multiply_parts(slope, a.jumps),
        add_parts(multiply_parts(slope, a.bends), multiply_parts(curvature, a.jumps, a.slope)),
        a.opaque,
    )
