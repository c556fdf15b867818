"""Enclosures of a derivative or a jump, which is 0 for most numbers: None stands for that."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic.interval import Interval

__all__ = ["ZERO", "Part", "add_parts", "hull_with_zero", "multiply_parts", "negative_part", "or_zero", "size_of"]

Part: TypeAlias = Interval | None
"""An enclosure; None where the number is 0 in every box."""

ZERO = iv.point(0.0)


def add_parts(*parts: Part) -> Part:
    total: Part = None
    for part in parts:
        total = part if total is None else total if part is None else iv.add(total, part)
    return total


def multiply_parts(*parts: Part) -> Part:
    product: Part = parts[0]
    for part in parts[1:]:
        product = None if product is None or part is None else pr.multiply(product, part)
    return product


def negative_part(a: Part) -> Part:
    return None if a is None else iv.negative(a)


def size_of(a: Part) -> np.ndarray:
    return np.zeros(()) if a is None else a.size


def hull_with_zero(*parts: Part) -> Part:
    """Around all of them and 0."""
    total: Part = None
    for part in parts:
        if part is not None:
            total = iv.hull(ZERO if total is None else total, part)
    return total


def or_zero(a: Part) -> Interval:
    return ZERO if a is None else a
