"""The rows about derivatives: the largest slope, the range of the curvature, and whether the slope is continuous."""

from __future__ import annotations

import numpy as np

from jaxloss.inspect.intervals.rows.findings import Findings, place
from jaxloss.inspect.intervals.rows.witnesses import jump, sharp_bend
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["curvature", "lipschitz", "smooth"]


def lipschitz(findings: Findings) -> Verdict:
    """The largest slope, kinks included."""
    boxes = findings.tiling.boxes
    broken = findings.discontinuity()
    if broken is not None:
        witness = jump(findings)
        if witness is not None:
            return findings.refuted(
                f"the value jumps by {witness['jump']:.6g} at {place(witness['points'][0])}", witness
            )
        return findings.unknown(f"no bound of the slope: {broken}")
    sizes = np.abs(boxes.slope).max(0)
    steepest = int(np.argmax(sizes))
    if not np.isfinite(sizes[steepest]):
        return findings.unknown(f"no bound of the slope in {findings.first(~np.isfinite(sizes))}")
    value, where = float(sizes[steepest]), float(boxes.middle[steepest])
    return findings.proved(f"slope at most {value:.6g} on {findings.domain}", value, steepest_at=where)


def curvature(findings: Findings, convexity: Verdict) -> Verdict:
    """The range of the second derivative off the kinks; its lower end makes a convex loss strongly convex."""
    boxes = findings.tiling.boxes
    if (lost := findings.undefined()) is not None:
        return findings.unknown(f"no bound of the second derivative: {lost}")
    low, high = float(boxes.curvature[0].min()), float(boxes.curvature[1].max())
    if not (np.isfinite(low) and np.isfinite(high)):
        endless = ~(np.isfinite(boxes.curvature[0]) & np.isfinite(boxes.curvature[1]))
        return findings.unknown(f"no bound of the second derivative in {findings.first(endless)}")
    strength = max(low, 0.0) if convexity.word is Word.PROVED else None
    statement = f"second derivative in [{low:.6g}, {high:.6g}] on {findings.domain}, kinks left out"
    if strength:
        statement += f"; strongly convex with constant {strength:.6g}"
    return findings.proved(statement, strength, low=low, high=high)


def smooth(findings: Findings) -> Verdict:
    """The slope is continuous, and how fast it changes at most."""
    boxes, tolerances = findings.tiling.boxes, findings.tiling.tolerances
    witness = sharp_bend(findings)
    if witness is not None:
        left, right = witness["secants"]
        text = f"the slope jumps from {left:.6g} to {right:.6g} at {place(witness['points'][1])}"
        return findings.refuted(text, witness)
    broken = findings.discontinuity()
    if broken is not None:
        witness = jump(findings)
        if witness is not None:
            return findings.refuted(
                f"the value jumps by {witness['jump']:.6g} at {place(witness['points'][0])}", witness
            )
        return findings.unknown(f"no bound of the second derivative: {broken}")
    bent = np.abs(boxes.bends).max(0) > tolerances.bend(np.abs(boxes.slope).min(0))
    if bent.any():
        return findings.unknown(f"the slope may jump in {findings.first(bent)}")
    bent_kinks = ~(np.abs(findings.bends_at_kinks()).max(0, initial=0.0) <= findings.bend_allowed())
    if bent_kinks.any():
        return findings.unknown(f"the slope may jump at {findings.tiling.kinks[int(np.argmax(bent_kinks))]:.17g}")
    sizes = np.abs(boxes.curvature).max(0)
    if not np.isfinite(sizes).all():
        return findings.unknown(f"no bound of the second derivative in {findings.first(~np.isfinite(sizes))}")
    value = float(sizes.max())
    return findings.proved(
        f"slope continuous, second derivative at most {value:.6g} in size on {findings.domain}", value
    )
