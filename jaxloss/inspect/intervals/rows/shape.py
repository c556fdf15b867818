"""The rows about the shape of a loss: convex, pseudo-convex, and its minimum."""

from __future__ import annotations

import math

import numpy as np

from jaxloss.inspect.intervals.arithmetic.rounding import below
from jaxloss.inspect.intervals.covering.boxes import Boxes
from jaxloss.inspect.intervals.rows.findings import Findings, place
from jaxloss.inspect.intervals.rows.witnesses import above_its_chord, at_points, falls_away
from jaxloss.inspect.verdict import Verdict

__all__ = ["convex", "minimum", "pseudo_convex"]


def convex(findings: Findings) -> Verdict:
    """The second derivative is nowhere negative, and the slope never falls at a kink."""
    boxes, tolerances = findings.tiling.boxes, findings.tiling.tolerances
    concave = ~(boxes.curvature[0] >= -tolerances.curvature)
    bent = ~tolerances.bends_upwards(boxes)
    bent_kinks = ~(findings.bends_at_kinks()[0] >= -findings.bend_allowed())
    broken = findings.discontinuity()
    if broken is None and not (concave.any() or bent.any() or bent_kinks.any()):
        return findings.proved(f"convex on {findings.domain}: second derivative >= 0, and no kink bends down")
    witness = above_its_chord(findings)
    if witness is not None:
        points = witness["points"]
        return findings.refuted(f"not convex: above its chord at {place(points[1])}", witness)
    if broken is not None:
        return findings.unknown(f"convexity is open: {broken}")
    if bent_kinks.any():
        kink = findings.tiling.kinks[int(np.argmax(bent_kinks))]
        return findings.unknown(f"convexity is open: the slope may fall at {kink:.17g}")
    if bent.any():
        return findings.unknown(f"convexity is open: the slope may fall in {findings.first(bent)}")
    return findings.unknown(f"convexity is open: the second derivative may be negative in {findings.first(concave)}")


def _sides(findings: Findings) -> tuple[Boxes, Boxes]:
    """The boxes on the left and on the right of the best point."""
    boxes = findings.tiling.boxes
    right = boxes.low >= findings.subject.best
    return boxes.take(~right), boxes.take(right)


def pseudo_convex(findings: Findings) -> Verdict:
    """The loss never rises towards its best point."""
    best, (bottom, top) = findings.subject.best, findings.subject.domain
    if not findings.subject.falling and not bottom <= best <= top:
        return findings.unknown(f"the best point {place(best)} lies outside the domain {findings.domain}")
    boxes, tolerances = findings.tiling.boxes, findings.tiling.tolerances
    right = boxes.low >= best
    wrong = ~np.where(right, boxes.slope[0] >= -tolerances.slope, boxes.slope[1] <= tolerances.slope)
    broken = findings.jumps_towards_best()
    towards = "infinity" if findings.subject.falling else place(best)
    if broken is None and not wrong.any():
        sign = "slope <= 0" if findings.subject.falling else f"slope <= 0 below {towards} and >= 0 above"
        return findings.proved(f"never rises towards {towards} on {findings.domain}: {sign}")
    kinks = findings.tiling.kinks
    known = np.unique(
        np.concatenate([boxes.middle, boxes.low, boxes.high, np.nextafter(kinks, np.inf), np.nextafter(kinks, -np.inf)])
    )
    known = known[(known >= bottom) & (known <= top)]
    for sign, side in ((-1, known[known <= best]), (1, known[known >= best])):
        witness = falls_away(findings, side, sign)
        if witness is not None:
            near, far = witness["points"]
            return findings.refuted(f"rises towards {towards}: from {far!r} to {near!r}", witness)
    if broken is not None:
        return findings.unknown(f"the way towards {towards} is open: {broken}")
    return findings.unknown(f"the way towards {towards} is open: the sign of the slope in {findings.first(wrong)}")


def _least(findings: Findings) -> float:
    """A lower bound of the loss over the domain: box by box, or along the slope from the best point."""
    tiling, (_, top) = findings.tiling, findings.subject.domain
    start_at = top if findings.subject.falling else findings.subject.best
    start = float(findings.values_at(start_at)[0, 0])
    least = min(start, float(tiling.at[0].min(initial=np.inf)))
    torn = tiling.kinks[findings.broken_at_kinks()]
    for boxes, sign in zip(_sides(findings), (-1, 1), strict=True):
        reached = start
        order = np.argsort(sign * boxes.middle, kind="stable")
        # Nothing is known of the value beyond a jump from the value before it.
        joined = tiling.tolerances.continuous(boxes) & ~np.isin(boxes.low if sign > 0 else boxes.high, torn)
        away = boxes.slope[0] if sign > 0 else -boxes.slope[1]
        change = below(np.minimum(away, 0.0) * (boxes.high - boxes.low) * (1 + 1e-15))
        for index in order:
            floor = float(boxes.value[0, index])
            reached = max(floor, math.nextafter(reached + float(change[index]), -math.inf)) if joined[index] else floor
            least = min(least, reached)
    return least


def minimum(findings: Findings) -> Verdict:
    """Never negative, and 0 at the best point, or towards it."""
    best, (bottom, top) = findings.subject.best, findings.subject.domain
    tolerance = findings.tiling.tolerances.value
    boxes = findings.tiling.boxes
    lowest = int(np.argmin(boxes.middle_value[1]))
    if boxes.middle_value[1, lowest] < -tolerance:
        x = float(boxes.middle[lowest])
        (value,) = at_points(findings, x)
        if value < -0.5 * tolerance:
            return findings.refuted(f"negative: {value:.6g} at {place(x)}", {"points": [x], "values": [value]}, value)
    if findings.subject.falling:
        return _infimum(findings, tolerance)
    if not bottom <= best <= top:
        return findings.unknown(f"the best point {place(best)} lies outside the domain {findings.domain}")
    at_best = findings.values_at(best)[:, 0]
    if at_best[0] > tolerance or at_best[1] < -tolerance:
        (value,) = at_points(findings, best)
        if abs(value) > 0.5 * tolerance:
            witness = {"points": [best], "values": [value]}
            return findings.refuted(f"the value at {place(best)} is {value:.6g}, not 0", witness, value)
    if not np.abs(at_best).max() <= tolerance:
        return findings.unknown(
            f"the value at {place(best)} is known only to lie in [{at_best[0]:.3g}, {at_best[1]:.3g}]"
        )
    least = _least(findings)
    if least >= -tolerance:
        return findings.proved(f"never negative on {findings.domain}, and 0 at {place(best)}", 0.0)
    return findings.unknown(f"no negative value is known, but only that none is below {least:.3g}")


_NEARLY_NOTHING = 1e-6
"""Share of the largest value on the domain below which a loss has come down to 0."""


def _infimum(findings: Findings, tolerance: float) -> Verdict:
    """For margins and logits: never negative, falling, and next to nothing at the end of the domain."""
    top = findings.subject.domain[1]
    end = findings.values_at(top)[:, 0]
    boxes = findings.tiling.boxes
    lowest = int(np.argmin(boxes.middle_value[1]))
    lead = float(end[0] - boxes.middle_value[1, lowest])
    if lead > max(tolerance, 1e-12 * abs(float(end[0]))):
        points = [float(boxes.middle[lowest]), top]
        values = at_points(findings, *points)
        if values[1] - values[0] > 0.5 * lead:
            witness = {"points": points, "values": values}
            return findings.refuted(f"smaller at {place(points[0])} than at {place(top)}", witness)
    least = _least(findings)
    if not least >= -tolerance:
        return findings.unknown(f"no negative value is known, but only that none is below {least:.3g}")
    small = _NEARLY_NOTHING * min(1.0, findings.tiling.tolerances.largest)
    if end[1] > small:
        return findings.unknown(f"never negative on {findings.domain}, but still {end[1]:.3g} at {place(top)}")
    zero = "0" if end[1] <= 0 else f"at most {end[1]:.3g}"
    return findings.proved(
        f"never negative on {findings.domain}; infimum 0 towards infinity: {zero} at {place(top)}", 0.0
    )
