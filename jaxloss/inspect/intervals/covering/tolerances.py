"""What counts as rounding: the sizes of a loss, and the errors relative to them that every row forgives."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxloss.inspect.intervals.arithmetic.arrays import Bools
from jaxloss.inspect.intervals.covering.boxes import Boxes

__all__ = ["ROUNDING", "SLACK", "Tolerances"]

ROUNDING = 2.0**-44
"""Relative size of jumps of value and slope that rounded constants of a formula cause: 256 units in the last place."""

SLACK = 1e-12
"""Relative size of a wrong sign of slope and curvature."""


@dataclasses.dataclass(frozen=True)
class Tolerances:
    """The largest magnitudes of value, slope and curvature, and the ends of the curvature, at the middles of boxes."""

    largest: float
    steepest: float
    strongest: float
    least_curvature: float
    most_curvature: float

    @classmethod
    def of(cls, boxes: Boxes) -> Tolerances:
        least, most = boxes.middle_curvature
        return cls(
            _largest(boxes.middle_value),
            _largest(boxes.middle_slope),
            _largest(boxes.middle_curvature),
            float(np.min(most, initial=np.inf, where=np.isfinite(most))),
            float(np.max(least, initial=-np.inf, where=np.isfinite(least))),
        )

    def with_more(self, boxes: Boxes) -> Tolerances:
        more = Tolerances.of(boxes)
        return Tolerances(
            max(self.largest, more.largest),
            max(self.steepest, more.steepest),
            max(self.strongest, more.strongest),
            min(self.least_curvature, more.least_curvature),
            max(self.most_curvature, more.most_curvature),
        )

    @property
    def value(self) -> float:
        return SLACK * min(1.0, self.largest)

    @property
    def slope(self) -> float:
        return SLACK * min(1.0, self.steepest)

    @property
    def curvature(self) -> float:
        return SLACK * min(1.0, self.strongest)

    def jump(self, values: np.ndarray) -> np.ndarray:
        """How large a jump of the value may be, beside values of this size."""
        return ROUNDING * (np.abs(values) + min(1.0, self.largest))

    def bend(self, slopes: np.ndarray) -> np.ndarray:
        """How large a jump of the slope may be, beside slopes of this size."""
        return ROUNDING * (np.abs(slopes) + min(1.0, self.steepest))

    def jump_inside(self, boxes: Boxes) -> np.ndarray:
        """How large a jump of the value inside each box may be."""
        # A step of a few floats of the input is below what the input resolves.
        step = 4 * np.spacing(np.maximum(np.abs(boxes.low), np.abs(boxes.high))) * np.abs(boxes.slope).max(0)
        return self.jump(np.abs(boxes.value).min(0)) + np.nan_to_num(step, posinf=0)

    def continuous(self, boxes: Boxes) -> Bools:
        """Where no jump of the value inside is larger than rounding."""
        return np.abs(boxes.jumps).max(0) <= self.jump_inside(boxes)

    def bends_upwards(self, boxes: Boxes) -> Bools:
        """Where no jump of the slope inside goes down by more than rounding."""
        return boxes.bends[0] >= -self.bend(np.abs(boxes.slope).min(0))


def _largest(ends: np.ndarray) -> float:
    finite = np.abs(ends[np.isfinite(ends)])
    return float(finite.max()) if finite.size else 0.0
