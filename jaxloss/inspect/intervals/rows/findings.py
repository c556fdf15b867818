"""What the rows of a certificate are written from: a loss, its program, its tiling, and what happens at its kinks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxloss.inspect.intervals.arithmetic import rounding
from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.arithmetic.interval import Interval, subtract
from jaxloss.inspect.intervals.covering.search import Tiling
from jaxloss.inspect.intervals.covering.tolerances import ROUNDING, SLACK
from jaxloss.inspect.intervals.programs.interpreter import Program
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["Findings", "place"]


def place(x: float) -> str:
    """A number of the input, as text."""
    return f"{x:.6g}"


@dataclasses.dataclass(frozen=True)
class Findings:
    """A loss and what the engine knows of it."""

    subject: Subject
    program: Program
    tiling: Tiling

    @property
    def domain(self) -> str:
        low, high = self.subject.domain
        return f"[{place(low)}, {place(high)}]"

    @functools.cached_property
    def gradients(self) -> Callable[[jax.Array], jax.Array]:
        """The gradients at many numbers, by JAX."""
        return jax.jit(jax.vmap(jax.grad(self.subject.fn)))

    @functools.cached_property
    def by_jax(self) -> Callable[[jax.Array], jax.Array]:
        """The loss of one number, compiled by JAX."""
        return jax.jit(self.subject.fn)

    def values_at(self, points: Floats | float) -> Floats:
        """The ends ``[2, N]`` of enclosures of the value at single points."""
        points = np.atleast_1d(np.asarray(points, np.float64))
        return self.program.value_on(points, points)

    def proved(self, statement: str, value: float | None = None, **more: Any) -> Verdict:
        """A row that holds on every box."""
        evidence: Mapping[str, Any] = {
            "engine": "intervals",
            "domain": list(self.subject.domain),
            "dtype": "float64",
            "boxes": self.tiling.looked_at,
            "kinks": [float(x) for x in self.tiling.kinks],
            "rounding": ROUNDING,
            "slack": SLACK,
            "assumes": f"elementary functions of NumPy are within {rounding.LIBM_ULPS} units in the last place",
            **more,
        }
        return Verdict(Word.PROVED, statement, value, evidence)

    def refuted(self, statement: str, witness: Mapping[str, Any], value: float | None = None) -> Verdict:
        """A row with a witness, which was evaluated again."""
        evidence = {"engine": "intervals", "domain": list(self.subject.domain), "dtype": "float64", "witness": witness}
        return Verdict(Word.REFUTED, statement, value, evidence)

    def unknown(self, why: str) -> Verdict:
        evidence = {"engine": "intervals", "domain": list(self.subject.domain), "boxes": self.tiling.looked_at}
        return Verdict(Word.UNKNOWN, why, None, evidence)

    def first(self, which: Bools) -> str:
        """The first of some boxes, in words."""
        index = int(np.argmax(which))
        boxes = self.tiling.boxes
        return f"[{boxes.low[index]:.17g}, {boxes.high[index]:.17g}]"

    def jumps_at_kinks(self) -> Floats:
        """Enclosures ``[2, 2, K]`` of the steps of the value from the left of each kink to it, and on to the right."""
        tiling = self.tiling
        steps = [_gap(tiling.before.value, tiling.at), _gap(tiling.at, tiling.after.value)]
        return np.stack(steps)

    def jump_allowed(self) -> Floats:
        """How much of a jump at each kink is rounding."""
        tiling = self.tiling
        slope = np.maximum(np.abs(tiling.before.slope).max(0), np.abs(tiling.after.slope).max(0))
        return self._jump_allowed() + 4 * np.spacing(np.abs(tiling.kinks)) * np.nan_to_num(slope, posinf=0.0)

    def broken_at_kinks(self) -> Bools:
        """Kinks at which the value may jump by more than rounding."""
        return np.abs(self.jumps_at_kinks()).max((0, 1), initial=0.0) > self.jump_allowed()

    def jumps_towards_best(self) -> str | None:
        """Where the value may jump up on the way to the best point, in words; None if it jumps down only."""
        if (lost := self.undefined()) is not None:
            return lost
        best, tiling, allowed = self.subject.best, self.tiling, self.jump_allowed()
        (before, after), kinks = self.jumps_at_kinks(), tiling.kinks
        wrong = np.where(kinks <= best, before[1] > allowed, before[0] < -allowed)
        wrong |= np.where(kinks < best, after[1] > allowed, after[0] < -allowed)
        if wrong.any():
            return f"the value may jump at {kinks[int(np.argmax(wrong))]:.17g}"
        boxes, allowed = tiling.boxes, tiling.tolerances.jump_inside(tiling.boxes)
        wrong = np.where(boxes.low >= best, boxes.jumps[0] < -allowed, boxes.jumps[1] > allowed)
        return f"the value may jump in {self.first(wrong)}" if wrong.any() else None

    def torn_at_kinks(self) -> Bools:
        """Kinks at which the value jumps by more than rounding for certain."""
        steps = self.jumps_at_kinks()
        return (np.maximum(steps[:, 0], -steps[:, 1]).max(0, initial=-np.inf)) > 4 * self._jump_allowed()

    def _jump_allowed(self) -> Floats:
        tiling = self.tiling
        return tiling.tolerances.jump(np.abs(tiling.at).max(0))

    def bends_at_kinks(self) -> Floats:
        """Enclosures of the slope on the right of each kink minus that on the left: ``[2, K]``."""
        return _gap(self.tiling.before.slope, self.tiling.after.slope)

    def bend_allowed(self) -> Floats:
        """How much of a bend at each kink is rounding."""
        slopes = np.maximum(np.abs(self.tiling.before.slope).min(0), np.abs(self.tiling.after.slope).min(0))
        return self.tiling.tolerances.bend(slopes)

    def undefined(self) -> str | None:
        """Where the value may be no finite number, in words."""
        value = self.tiling.boxes.value
        lost = ~(np.isfinite(value[0]) & np.isfinite(value[1]))
        return f"the value may be no finite number in {self.first(lost)}" if lost.any() else None

    def discontinuity(self) -> str | None:
        """Where the value may jump or be no number, in words; None if it is continuous to rounding."""
        if (lost := self.undefined()) is not None:
            return lost
        broken = self.broken_at_kinks()
        if broken.any():
            return f"the value may jump at {self.tiling.kinks[int(np.argmax(broken))]:.17g}"
        rough = ~self.tiling.tolerances.continuous(self.tiling.boxes)
        return f"the value may jump in {self.first(rough)}" if rough.any() else None


def _gap(left: Floats, right: Floats) -> Floats:
    """Enclosures of ``right - left``."""
    closed = np.zeros((), bool)
    gap = subtract(Interval(right[0], right[1], closed, closed), Interval(left[0], left[1], closed, closed))
    return np.stack([gap.low, gap.high])
