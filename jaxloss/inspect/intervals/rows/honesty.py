"""The row about gradients: what `jax.grad` returns is the derivative of the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.covering.boxes import Boxes
from jaxloss.inspect.intervals.programs.cases import FINEST
from jaxloss.inspect.intervals.programs.interpreter import trace
from jaxloss.inspect.intervals.programs.rules import Missing
from jaxloss.inspect.intervals.rows.findings import Findings, place
from jaxloss.inspect.intervals.rows.witnesses import at_points
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["gradient"]

_MOST_POINTS = 512
_AT_ONCE = 16
"""How many gradients JAX computes together."""

_MARGIN = 1e-9
"""How far a gradient must be from the derivative, relative to both, to be another one."""


def gradient(findings: Findings) -> Verdict:
    """Proved where every step has JAX's own rule or a verified one; else compared at points."""
    points = _points(findings)
    witness = _lie(findings, points) or _lie_at_a_kink(findings)
    if witness is not None:
        at, found, right = witness["points"][0], witness["gradient"], witness["slope"]
        return findings.refuted(f"the gradient at {place(at)} is {found:.6g}, the slope is {right}", witness)
    broken = findings.discontinuity()
    if broken is not None:
        return findings.unknown(f"whether the gradient is the derivative is open: {broken}")
    unverified = _unverified(findings)
    reason = f"unverified: {', '.join(unverified)}" if unverified else _blind_spot(findings)
    if reason is None:
        return findings.proved(
            f"the gradient is the derivative on {findings.domain}: every step has a verified rule", points=points.size
        )
    if not np.isfinite(findings.tiling.boxes.slope).all() or not points.size:
        return findings.unknown(f"whether the gradient is the derivative is open; {reason}")
    text = f"the gradient agrees with the derivative at {points.size} points; {reason}"
    return Verdict(Word.TESTED, text, None, {"points": points.size, "domain": list(findings.subject.domain)})


def _points(findings: Findings) -> Boxes:
    """Middles of clean boxes, at most a few hundred, the same for every run."""
    boxes = findings.tiling.boxes
    boxes = boxes.take(boxes.clean & np.isfinite(boxes.middle_slope).all(0) & (boxes.middle > boxes.low))
    chosen = (
        np.unique(np.linspace(0, max(boxes.size - 1, 0), _MOST_POINTS).astype(int)) if boxes.size else np.zeros(0, int)
    )
    boxes = boxes.take(chosen)
    middle = boxes.middle
    return Boxes(
        middle,
        middle,
        middle,
        boxes.middle_value,
        boxes.middle_slope,
        boxes.middle_curvature,
        0 * boxes.jumps,
        0 * boxes.bends,
        boxes.middle_value,
        boxes.middle_slope,
        boxes.middle_curvature,
        boxes.opaque,
    )


def _by_jax(findings: Findings, points: Floats) -> Floats:
    """The gradient in float64, by JAX; the number of points is padded, so that all losses share compiled steps."""
    if not points.size:
        return points
    padded = np.resize(points, -(-points.size // _AT_ONCE) * _AT_ONCE)
    with jax.enable_x64(True):
        return np.asarray(findings.gradients(jnp.asarray(padded, jnp.float64)))[: points.size]


def _enclosures(findings: Findings, low: Floats, high: Floats) -> Floats | None:
    """What the program of the gradient computes, in exact arithmetic; None if it has steps without a rule."""
    try:
        return trace(jax.grad(findings.subject.fn)).value_on(low, high)
    except Missing:
        return None


def _lie(findings: Findings, points: Boxes) -> Mapping[str, Any] | None:
    """A point at which the gradient is not a number, or another number than the slope."""
    if not points.size:
        return None
    slope = points.slope
    exact = _enclosures(findings, points.low, points.low)
    if exact is None:
        middle = _by_jax(findings, points.low)
        exact = np.stack([middle, middle])
    size = np.abs(slope).max(0)
    need = _MARGIN * (2 * size + 1e-3 * min(1.0, findings.tiling.tolerances.steepest))
    gap = np.maximum(exact[0] - slope[1], slope[0] - exact[1])
    lost = ~_finite(exact)
    score = np.where(lost & (size < 1e300), np.inf, np.nan_to_num(gap / need, nan=-np.inf, neginf=-np.inf))
    # The worst ones, and some others on the way.
    worst = np.argsort(-score, kind="stable")[: _AT_ONCE // 2]
    chosen = np.concatenate([worst, np.linspace(0, points.size - 1, _AT_ONCE // 2).astype(int)])
    claimed = _by_jax(findings, points.low[chosen])
    for index, found in zip(chosen, claimed, strict=True):
        if not np.isfinite(found):
            return _witness(points, float(found), index)
        apart = max(found - slope[1, index], slope[0, index] - found)
        if (
            score[index] > 1
            and apart > 0.5 * min(gap[index], apart) > need[index]
            and _seen(findings, points, index, apart)
        ):
            return _witness(points, float(found), index)
    return None


def _seen(findings: Findings, points: Boxes, index: int, apart: float) -> bool:
    """Whether a secant of the loss, as JAX evaluates it, agrees with the slope and not with the gradient."""
    x, (low, high) = float(points.low[index]), points.slope[:, index]
    for reach in max(1.0, abs(x)) * 2.0 ** -np.arange(8.0, 28.0, 2.0):
        before, after = at_points(findings, x - reach, x + reach)
        secant = (after - before) / ((x + reach) - (x - reach))
        if low - 0.25 * apart <= secant <= high + 0.25 * apart:
            return True
    return False


def _witness(points: Boxes, found: float, index: int) -> Mapping[str, Any]:
    middle = 0.5 * (points.slope[0, index] + points.slope[1, index])
    return {
        "points": [float(points.low[index])],
        "gradient": found,
        "slope": f"{middle:.6g}",
        "slope_between": [float(points.slope[0, index]), float(points.slope[1, index])],
    }


def _lie_at_a_kink(findings: Findings) -> Mapping[str, Any] | None:
    """A kink at which the gradient is not between the slopes of both sides."""
    tiling = findings.tiling
    if not tiling.kinks.size:
        return None
    claimed = _by_jax(findings, tiling.kinks)
    low = np.minimum(tiling.before.slope[0], tiling.after.slope[0])
    high = np.maximum(tiling.before.slope[1], tiling.after.slope[1])
    near = _MARGIN * (np.abs(low) + np.abs(high) + min(1.0, tiling.tolerances.steepest))
    sound = np.isfinite(low) & np.isfinite(high) & ~findings.broken_at_kinks()
    wrong = sound & ~((claimed >= low - near) & (claimed <= high + near))
    if not wrong.any():
        return None
    index = int(np.argmax(wrong))
    return {
        "points": [float(tiling.kinks[index])],
        "gradient": float(claimed[index]),
        "slope": f"between {low[index]:.6g} and {high[index]:.6g}",
        "slope_between": [float(low[index]), float(high[index])],
    }


def _unverified(findings: Findings) -> list[str]:
    """What the loss passes through whose rule nobody verified."""
    low, high = findings.tiling.boxes.low, findings.tiling.boxes.high
    kinks = findings.tiling.kinks
    jet = findings.program(low, high, np.isin(low, kinks), np.isin(high, kinks))
    return sorted(name for name, mask in jet.opaque.items() if mask.any())


def _finite(ends: Floats) -> Bools:
    return np.isfinite(ends[0]) & np.isfinite(ends[1])


def _blind_spot(findings: Findings) -> str | None:
    """Why the gradient may be no number somewhere, in words; None if it is finite everywhere."""
    boxes = findings.tiling.boxes
    wide = ~boxes.clean & (boxes.high - boxes.low > FINEST * np.abs(boxes.middle))
    if wide.any():
        return f"there may be kinks in {findings.first(wide)}"
    if not np.isfinite(boxes.slope).all():
        return f"the slope may be infinite in {findings.first(~_finite(boxes.slope))}"
    inner_low, inner_high = (
        np.where(boxes.clean, boxes.low, boxes.middle),
        np.where(boxes.clean, boxes.high, boxes.middle),
    )
    exact = _enclosures(findings, inner_low, inner_high)
    if exact is None:
        return "the gradient has steps without a rule"
    lost = ~_finite(exact)
    return f"the gradient may be no number in {findings.first(lost)}" if lost.any() else None
