"""Boxes of a few floats in which a comparison is open are looked at by cases: where it holds, and where it fails.

Programs ask the same question twice, first to keep a number out of a function that has no value there and then to
choose what the function says. Each choice alone takes both answers into account, and together they would mix them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic.arrays import Bools
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import branches
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.numbers.parts import or_zero, size_of

__all__ = ["FINEST", "Cases", "by_cases"]

FINEST = 2.0**-42
"""Boxes with kinks inside are cut down to this width, relative to where they are."""

_QUESTIONS = 2
"""How many open comparisons of a box are answered, the first ones."""


@dataclasses.dataclass
class Cases:
    """Answers to the first comparisons that are open in a box.

    Attributes:
        where: The boxes that are looked at by cases.
        answers: To the first open comparison of a box, the second, and so on.
        asked: How many comparisons of each box were open so far.
    """

    where: Bools
    answers: tuple[bool, ...]
    asked: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((), int))

    def decide(self, comparison: Truth) -> Truth:
        """The comparison, decided in the boxes in which it is open."""
        asked = comparison.undecided & self.where & (self.asked < len(self.answers))
        yes = np.asarray(self.answers)[np.minimum(self.asked, len(self.answers) - 1)]
        self.asked = self.asked + asked
        return Truth(
            np.where(asked, yes, comparison.may_hold), np.where(asked, ~yes, comparison.may_fail), comparison.turn
        )


def by_cases(run: Callable[[Cases | None], Jet], box: Jet) -> Jet:
    """What a program computes; in boxes of a few floats in which it may jump, from the results of all cases."""
    plain = run(None)
    low, high = box.value.low, box.value.high
    where = (high - low <= FINEST * np.abs(low + 0.5 * (high - low))) & ((size_of(plain.jumps) > 0) | plain.undefined)
    if not where.any():
        return plain
    found = [run(Cases(where, answers)) for answers in itertools.product((True, False), repeat=_QUESTIONS)]
    either = Truth(np.ones(where.shape, bool), where)
    while len(found) > 1:
        found = [branches.choose(either, *pair) for pair in zip(found[::2], found[1::2], strict=True)]
    (joined,) = found
    narrower = lambda a, b: iv.where(where, iv.meet(or_zero(a), or_zero(b)), or_zero(a))
    parts = {name: narrower(getattr(plain, name), getattr(joined, name)) for name in _PARTS}
    undefined = np.where(where, plain.undefined & joined.undefined, plain.undefined)
    return dataclasses.replace(plain, **parts, undefined=undefined)


_PARTS = ("value", "slope", "curvature", "jumps", "bends")
