"""Random boxes of many closed forms: what arb computes at points inside, with 160 bits, lies in our enclosures."""

from __future__ import annotations

import numpy as np
import pytest

from jaxloss.inspect.intervals.covering.boxes import enclose
from jaxloss.inspect.intervals.programs.interpreter import trace
from tests.inspect.intervals.formulas import FORMULAS, Formula

flint = pytest.importorskip("flint", reason="python-flint is not installed: no independent checker")
BOXES, POINTS = 40, 3


def _boxes(formula: Formula, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of all widths, single points and single floats."""
    middle = rng.uniform(formula.low, formula.high, BOXES)
    near = rng.random(BOXES) < 0.3
    middle = np.where(near, rng.choice([0.0, 1.0, 0.5, formula.low, formula.high], BOXES), middle)
    width = (formula.high - formula.low) * 10.0 ** -rng.uniform(0, 16, BOXES) * (rng.random(BOXES) < 0.95)
    low, high = np.clip(middle - width, formula.low, formula.high), np.clip(middle + width, formula.low, formula.high)
    return low, np.maximum(low, high)


def _derivatives(formula: Formula, x: float) -> list:
    """Value, slope and curvature in balls of arb."""
    series = formula.series(flint.arb_series([flint.arb(x), 1], 3))
    coefficients = [flint.arb(series[k]) for k in range(3)]
    return [coefficients[0], coefficients[1], 2 * coefficients[2]]


def _outside(ball, low: float, high: float) -> bool:
    """Whether a ball lies outside for certain."""
    return bool(ball < flint.arb(low)) or bool(ball > flint.arb(high))


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.name)
def test_arb_lies_inside(formula, rng):
    low, high = _boxes(formula, rng)
    boxes = enclose(trace(formula.fn), low, high, np.zeros(0))
    flint.ctx.prec = 160
    narrow = 0
    for index in range(BOXES):
        inside = [low[index], high[index], *rng.uniform(low[index], high[index], POINTS - 2)]
        for x in inside:
            balls = _derivatives(formula, float(x))
            for ball, ends in zip(balls, (boxes.value, boxes.slope, boxes.curvature), strict=True):
                least, most = ends[:, index]
                assert not _outside(ball, least, most), (formula.name, low[index], high[index], x, least, most, ball)
                narrow += most - least < 1e-3 * (1 + abs(least))
    assert narrow > BOXES, "the enclosures say something"


def test_arb_sees_an_error_in_the_last_digits():
    """The checker would notice an enclosure that is off by a few units in the last place."""
    flint.ctx.prec = 160
    formula = next(f for f in FORMULAS if f.name == "sigmoid")
    value = _derivatives(formula, 1.0)[0]
    near = float(value)
    assert not _outside(value, np.nextafter(near, 0), np.nextafter(near, 1))
    assert _outside(value, near + 1e-15, near + 2e-15)
