"""Witnesses of a refutation: points at which enclosures contradict a property, evaluated again outside the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.intervals.arithmetic.arrays import Floats
from jaxloss.inspect.intervals.rows.findings import Findings

__all__ = ["above_its_chord", "at_points", "falls_away", "jump", "sharp_bend"]

_MARGIN = 2.0**-42
"""How far beyond rounding a contradiction must be, relative to the values."""

_BESIDE = np.concatenate([[0.0], 2.0 ** -np.arange(10.0, 50.0, 10.0), -(2.0 ** -np.arange(10.0, 50.0, 10.0))])
"""Distances from a kink of the points that may lie above the chord over it."""

_MOST_CENTRES = 64
_SCALES = 2.0 ** np.arange(-52.0, 7.0)


def at_points(findings: Findings, *points: float) -> list[float]:
    """The loss in float64, by JAX and not by the engine."""
    with jax.enable_x64(True):
        return [float(findings.by_jax(jnp.asarray(x, jnp.float64))) for x in points]


def _needed(findings: Findings, values: np.ndarray) -> np.ndarray:
    return _MARGIN * (np.abs(values) + min(1.0, findings.tiling.tolerances.largest))


def _centres(findings: Findings) -> Floats:
    """Points around which the loss may lie above its chords."""
    boxes, tiling = findings.tiling.boxes, findings.tiling
    order = np.argsort(boxes.middle_curvature[1], kind="stable")
    order = order[boxes.middle_curvature[1][order] < 0]
    # The sharpest ones, and some of all places: the sharpest may be too flat to show.
    spread = np.sort(order)[np.linspace(0, max(order.size - 1, 0), min(order.size, _MOST_CENTRES)).astype(int)]
    concave = boxes.middle[np.concatenate([order[:_MOST_CENTRES], spread])]
    bent = ~(tiling.tolerances.bends_upwards(boxes) & tiling.tolerances.continuous(boxes))
    sharp = np.concatenate([boxes.low[bent], boxes.middle[bent], boxes.high[bent]])[:_MOST_CENTRES]
    beside = (tiling.kinks[:, None] + _BESIDE).ravel()
    return np.unique(np.concatenate([concave, sharp, beside]))


def above_its_chord(findings: Findings) -> Mapping[str, Any] | None:
    """Three points of which the middle one lies above the line through the others."""
    centres = _centres(findings)
    if not centres.size:
        return None
    middle, reach = (x.ravel() for x in np.meshgrid(centres, _SCALES, indexing="ij"))
    low, high = middle - reach, middle + reach
    bottom, top = findings.subject.domain
    fits = (low >= bottom) & (high <= top) & (middle - low == reach) & (high - middle == reach)
    fits &= (low + reach == middle) & (0.5 * (low + high) == middle) & (low < middle) & (middle < high)
    low, middle, high = low[fits], middle[fits], high[fits]
    if not middle.size:
        return None
    ends, inner = (findings.values_at(x) for x in (np.concatenate([low, high]), middle))
    left, right = ends[:, : low.size], ends[:, low.size :]
    size = np.maximum(np.abs(inner).max(0), np.maximum(np.abs(left).max(0), np.abs(right).max(0)))
    excess = inner[0] - 0.5 * (left[1] + right[1])
    score = np.nan_to_num(excess / _needed(findings, size), nan=-np.inf, posinf=-np.inf)
    best = int(np.argmax(score))
    if not score[best] > 1:
        return None
    points = [float(x[best]) for x in (low, middle, high)]
    values = at_points(findings, *points)
    again = values[1] - 0.5 * (values[0] + values[2])
    if not again > 0.5 * excess[best]:
        return None
    return {"points": points, "values": values, "excess": again}


def falls_away(findings: Findings, points: Floats, sign: int) -> Mapping[str, Any] | None:
    """Two points on one side of the best one, of which the farther has the lower loss.

    ``points`` are on that side; ``sign`` is 1 for the right side.
    """
    if points.size < 2:
        return None
    x = points[np.argsort(sign * points, kind="stable")]
    low, high = findings.values_at(x)
    low = np.where(np.isfinite(low) & np.isfinite(high), low, -np.inf)
    highest = np.maximum.accumulate(low)
    where = np.asarray([0, *np.where(low[1:] > highest[:-1], np.arange(1, low.size), 0)])
    where = np.maximum.accumulate(where)
    drop = highest - high
    score = np.nan_to_num(drop / _needed(findings, np.maximum(np.abs(highest), np.abs(high))), nan=-np.inf)
    last = int(np.argmax(score))
    if not score[last] > 1:
        return None
    near, far = float(x[where[last]]), float(x[last])
    values = at_points(findings, near, far)
    if not values[0] - values[1] > 0.5 * drop[last]:
        return None
    return {"points": [near, far], "values": values, "fall": values[0] - values[1]}


def jump(findings: Findings) -> Mapping[str, Any] | None:
    """Two neighbouring floats between which the value jumps."""
    torn = findings.torn_at_kinks()
    steps = findings.jumps_at_kinks()
    for index in np.flatnonzero(torn):
        kink = float(findings.tiling.kinks[index])
        for side, towards in enumerate((-np.inf, np.inf)):
            least = max(float(steps[side, 0, index]), -float(steps[side, 1, index]))
            points = [kink, float(np.nextafter(kink, towards))]
            values = at_points(findings, *points)
            if least > 0 and abs(values[1] - values[0]) > 0.5 * least:
                return {"points": points, "values": values, "jump": abs(values[1] - values[0])}
    return None


def sharp_bend(findings: Findings) -> Mapping[str, Any] | None:
    """Three points around a kink with two secants that differ by the jump of the slope."""
    bends = findings.bends_at_kinks()
    least = np.maximum(bends[0], -bends[1])
    bottom, top = findings.subject.domain
    certain = (least > 8 * findings.bend_allowed()) & ~findings.broken_at_kinks()
    for index in np.flatnonzero(certain):
        kink = float(findings.tiling.kinks[index])
        for reach in 2.0 ** -np.arange(4.0, 40.0):
            points = [kink - reach, kink, kink + reach]
            if not (bottom <= points[0] < kink < points[2] <= top):
                continue
            values = at_points(findings, *points)
            secants = [(values[1] - values[0]) / (kink - points[0]), (values[2] - values[1]) / (points[2] - kink)]
            if abs(abs(secants[1] - secants[0]) - least[index]) < 0.25 * least[index]:
                return {"points": points, "values": values, "secants": secants}
    return None
