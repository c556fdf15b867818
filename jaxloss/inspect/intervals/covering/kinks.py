"""Where comparisons flip: found to the float by bisection of their margins."""

from __future__ import annotations

import numpy as np

from jaxloss.inspect.intervals.arithmetic.arrays import Floats
from jaxloss.inspect.intervals.programs.interpreter import Program

__all__ = ["flips"]

_WAYS = 16
"""Into how many parts a step of the search cuts a bracket."""


def _order(x: Floats) -> np.ndarray:
    """Whole numbers in the order of the floats, one step per float."""
    bits = (x + 0.0).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _from_order(order: np.ndarray) -> Floats:
    return np.where(order < 0, np.int64(-(2**63)) - order, order).astype(np.int64).view(np.float64)


def _signs(program: Program, points: Floats) -> np.ndarray:
    """The sign of every margin at every point, one row per comparison; one row at least."""
    margins: list[Floats] = []
    closed = np.zeros(points.shape, bool)
    program(points, points, closed, closed, margins)
    rows = [np.sign(np.broadcast_to(margin, points.shape)) for margin in margins]
    return np.nan_to_num(np.stack(rows)) if rows else np.zeros((1, points.size))


def flips(program: Program, points: Floats) -> tuple[Floats, Floats]:
    """Kinks between sorted points.

    Returns:
        The floats at which a margin is exactly 0, and all neighbours between which one flips.
    """
    if points.size < 2:
        return np.zeros(0), np.zeros(0)
    signs = _signs(program, points)
    which, where = np.nonzero(signs[:, 1:] != signs[:, :-1])
    if not which.size:
        return np.zeros(0), np.zeros(0)
    left, right = _order(points[where]), _order(points[where + 1])
    left_sign = signs[which, where]
    while (right > left + 1).any():
        # In whole numbers, without overflow: the brackets are at most all floats long.
        step = np.maximum((right // _WAYS) - (left // _WAYS), 1)
        cuts = np.minimum(left[:, None] + step[:, None] * np.arange(1, _WAYS), right[:, None])
        at = _signs(program, _from_order(cuts).ravel()).reshape(-1, *cuts.shape)[which, np.arange(which.size)]
        changed = (at != left_sign[:, None]) | (cuts >= right[:, None])
        first = np.where(changed.any(1), changed.argmax(1), _WAYS - 1)
        grid = np.concatenate([left[:, None], cuts, right[:, None]], 1)
        rows = np.arange(which.size)
        left, right = grid[rows, first], grid[rows, first + 1]
    low, high = _from_order(left), _from_order(right)
    low_sign = _signs(program, low)[which, np.arange(which.size)]
    high_sign = _signs(program, high)[which, np.arange(which.size)]
    exact = np.concatenate([low[low_sign == 0], high[high_sign == 0]])
    between = (low_sign != 0) & (high_sign != 0)
    return np.unique(exact), np.unique(np.concatenate([low[between], high[between]]))
