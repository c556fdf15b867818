"""Branch and bound over one tiling of the domain, which all rows of the certificate share."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.covering.boxes import Boxes, enclose, join
from jaxloss.inspect.intervals.covering.kinks import flips
from jaxloss.inspect.intervals.covering.tolerances import Tolerances
from jaxloss.inspect.intervals.programs.cases import FINEST
from jaxloss.inspect.intervals.programs.counting import work_of
from jaxloss.inspect.intervals.programs.interpreter import Program
from jaxloss.inspect.subject import Subject

__all__ = ["Tiling", "explore"]

_FIRST_BOXES = 256
_SCALES = 36
"""How many powers of two towards a declared kink the first boxes have."""

_ROUNDS = 48
_SEARCHES = (2, 4, 8, 16)
"""The rounds in which flips are looked for between the ends of boxes with kinks inside."""

_AROUND_A_FLIP = 2.0 ** np.asarray([4, 8, 14])
"""How many floats beside a flip that no float hits the boxes around it end, so that rounding stays between them."""

_MOST_BOXES = 12_000
"""How many boxes may be undecided at once; a row that needs more stays unknown."""

_MANY_WAYS = 8
_FEW_BOXES = 256
"""Fewer boxes are cut into many parts each, which saves rounds, and more into two, which saves boxes."""

_BUDGET = 120_000
"""How many boxes are looked at in all."""

_WORK = 40_000_000
"""How many numbers the steps of the program take in all, which leaves fewer boxes to long programs."""


@dataclasses.dataclass(frozen=True)
class Tiling:
    """What was found out about a loss.

    Attributes:
        boxes: They tile the domain, from left to right.
        kinks: Where they are open: the declared kinks, those that were found, and the best point.
        at: The ends ``[2, K]`` of the value at the kinks.
        before: The boxes between each kink and the float below.
        after: The boxes between each kink and the float above.
        looked_at: Number of boxes in all.
        tolerances: What counts as rounding.
    """

    boxes: Boxes
    kinks: Floats
    at: Floats
    before: Boxes
    after: Boxes
    looked_at: int
    tolerances: Tolerances


def _first_points(subject: Subject, kinks: Floats) -> Floats:
    low, high = subject.domain
    even = np.linspace(low, high, _FIRST_BOXES + 1)
    scales = (high - low) * 2.0 ** -np.arange(1, _SCALES)
    near = (kinks[:, None] + np.concatenate([scales, -scales])).ravel()
    points = np.concatenate([even, near, kinks])
    return np.unique(points[(points >= low) & (points <= high)] + 0.0)


def _neighbours(program: Program, kinks: Floats) -> tuple[Boxes, Boxes]:
    return (
        enclose(program, np.nextafter(kinks, -np.inf), kinks, kinks),
        enclose(program, kinks, np.nextafter(kinks, np.inf), kinks),
    )


def _exact(program: Program, kinks: Floats) -> Floats:
    """The kinks that are exactly at a float: nothing jumps beside them."""
    if not kinks.size:
        return kinks
    before, after = _neighbours(program, kinks)
    return kinks[before.clean & after.clean]


def _around(pairs: Floats) -> Floats:
    """The neighbours between which something flips, and points farther out."""
    reach = np.spacing(np.abs(pairs))[:, None] * np.concatenate([_AROUND_A_FLIP, -_AROUND_A_FLIP])
    return np.concatenate([pairs, (pairs[:, None] + reach).ravel()])


def _split(boxes: Boxes, which: Bools, points: Floats) -> tuple[Floats, Floats]:
    """The ends of the parts of some boxes, cut at the new points that they hold, else evenly."""
    low, high = boxes.low[which], boxes.high[which]
    held = (
        points[(np.searchsorted(low, points, "right") > np.searchsorted(high, points, "left"))] if low.size else points
    )
    ways = _MANY_WAYS if low.size < _FEW_BOXES else 2
    middle = low[:, None] + (high - low)[:, None] * (np.arange(1, ways) / ways)
    first, last = np.searchsorted(points, low, "right"), np.searchsorted(points, high, "left")
    cuts = np.concatenate([middle[first >= last].ravel(), held])
    ends = np.unique(np.concatenate([low, high, cuts]))
    left, right = ends[:-1], ends[1:]
    inside = np.searchsorted(low, left, "right") > np.searchsorted(high, left, "right")
    return left[inside], right[inside]


def explore(subject: Subject, program: Program) -> Tiling:
    """Tile the domain, find the kinks, and refine until every row is decided or the budget is spent."""
    low, high = subject.domain
    wanted = np.asarray([x for x in {*subject.kinks, subject.best, 0.0} if low < x < high], np.float64)
    points = _first_points(subject, np.sort(wanted))
    exact, pairs = flips(program, points)
    candidates = np.unique(np.concatenate([wanted, exact]))
    candidates = candidates[(candidates > low) & (candidates < high)]
    kinks = _exact(program, candidates)
    points = np.concatenate([points, candidates, _around(pairs)])
    points = np.unique(points[(points >= low) & (points <= high)] + 0.0)
    boxes = enclose(program, points[:-1], points[1:], kinks)
    tolerances = Tolerances.of(boxes)
    looked_at = boxes.size
    budget = min(_BUDGET, _WORK // max(work_of(program.closed.jaxpr), 1))
    for round_ in range(_ROUNDS):
        undecided = _undecided(subject, boxes, tolerances)
        # Where even a point has no finite value, smaller boxes have none either.
        undecided &= np.isfinite(boxes.middle_value).all(0)
        undecided &= (boxes.middle > boxes.low) & (boxes.middle < boxes.high)
        if not undecided.any() or undecided.sum() > _MOST_BOXES or looked_at > budget:
            break
        new = np.zeros(0)
        if round_ in _SEARCHES:
            dirty = boxes.take(undecided & ~boxes.clean)
            exact, pairs = flips(program, np.unique(np.concatenate([dirty.low, dirty.high])))
            exact = np.setdiff1d(exact[(exact > low) & (exact < high)], kinks)
            fresh = _exact(program, exact)
            kinks = np.union1d(kinks, fresh)
            around = _around(pairs)
            new = np.unique(np.concatenate([exact, around[(around > low) & (around < high)]]))
            # A kink at the end of a box opens the boxes on both sides.
            undecided |= np.isin(boxes.low, fresh) | np.isin(boxes.high, fresh)
            undecided |= np.searchsorted(new, boxes.low, "right") < np.searchsorted(new, boxes.high, "left")
        left, right = _split(boxes, undecided, new)
        halves = enclose(program, left, right, kinks)
        looked_at += halves.size
        boxes = join(boxes.take(~undecided), halves)
        tolerances = tolerances.with_more(halves)
    before, after = _neighbours(program, kinks)
    return Tiling(boxes, kinks, program.value_on(kinks, kinks), before, after, looked_at, tolerances)


def _undecided(subject: Subject, boxes: Boxes, tolerances: Tolerances) -> Bools:
    """The boxes that some row has to look into, and that are not yet found to break it."""
    rough = (~boxes.clean & (boxes.high - boxes.low > FINEST * np.abs(boxes.middle))) | ~tolerances.continuous(boxes)
    down, bent = boxes.curvature[0] < -tolerances.curvature, ~tolerances.bends_upwards(boxes)
    broken = boxes.clean & (boxes.curvature[1] < -tolerances.curvature)
    # One box that is concave through and through decides convexity.
    concave = (down | bent) & ~broken.any()
    right = boxes.low >= subject.best
    wrong_way = np.where(right, boxes.slope[0] < -tolerances.slope, boxes.slope[1] > tolerances.slope)
    rises_away = boxes.clean & np.where(right, boxes.slope[1] < 0, boxes.slope[0] > 0)
    negative = (boxes.value[0] < -tolerances.value) & (boxes.middle_value[1] >= -tolerances.value) & wrong_way
    steep = np.abs(boxes.slope).max(0) > 1.01 * tolerances.steepest
    least, most = tolerances.least_curvature, tolerances.most_curvature
    flat = boxes.curvature[0] < least - np.maximum(0.02 * abs(least), 1e-3 * tolerances.strongest * (least <= 0))
    curved = boxes.curvature[1] > most + np.maximum(0.02 * abs(most), 1e-3 * tolerances.strongest * (most <= 0))
    return rough | concave | (wrong_way & ~rises_away) | negative | steep | flat | curved
