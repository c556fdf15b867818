"""Interval arithmetic against exact fractions: every result of points inside lies inside, and open ends are not reached."""

from __future__ import annotations

import dataclasses
import operator
from fractions import Fraction

import numpy as np
import pytest

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic import products as pr
from jaxloss.inspect.intervals.arithmetic import rounding, truth
from jaxloss.inspect.intervals.arithmetic.interval import Interval

SPECIAL = [0.0, 1.0, -1.0, 0.1, -0.3, 2.0, 0.5, 3.0, 1e-300, 5e-324, 1e16, -1e-16, 1.345]


def draw(rng: np.random.Generator, size: int) -> Interval:
    """Intervals with ends that are round numbers, neighbours, or anything; open at random."""
    ends = np.where(
        rng.random((2, size)) < 0.5,
        rng.choice(SPECIAL, (2, size)),
        rng.normal(size=(2, size)) * 10.0 ** rng.integers(-8, 8, (2, size)),
    )
    ends[1] = np.where(rng.random(size) < 0.2, ends[0], ends[1])
    ends[1] = np.where(rng.random(size) < 0.1, np.nextafter(ends[0], np.inf), ends[1])
    low, high = ends.min(0), ends.max(0)
    wide = low < high
    return Interval(low, high, wide & (rng.random(size) < 0.5), wide & (rng.random(size) < 0.5))


def points(a: Interval, index: int, rng: np.random.Generator) -> list[Fraction]:
    """Exact numbers of an interval, as near to its ends as can be."""
    low, high = Fraction(float(a.low[index])), Fraction(float(a.high[index]))
    near = (high - low) / 10**30
    found = [low + near if a.low_open[index] else low, high - near if a.high_open[index] else high]
    return [*found, low + (high - low) * Fraction(float(rng.random()))]


def holds(result: Interval, index: int, x: Fraction) -> bool:
    low, high, low_open, high_open = (
        (part if part.ndim == 0 else part[index]).item() for part in map(np.asarray, dataclasses.astuple(result))
    )
    above = low == -np.inf or (x > Fraction(low) if low_open else x >= Fraction(low))
    return above and (high == np.inf or (x < Fraction(high) if high_open else x <= Fraction(high)))


BINARY = {
    "add": (iv.add, operator.add),
    "subtract": (iv.subtract, operator.sub),
    "multiply": (pr.multiply, operator.mul),
    "divide": (pr.divide, operator.truediv),
    "maximum": (iv.maximum, max),
}


@pytest.mark.parametrize("name", BINARY)
def test_two_numbers(name, rng):
    ours, exact = BINARY[name]
    a, b = draw(rng, 600), draw(rng, 600)
    with np.errstate(all="ignore"):
        result = ours(a, b)
    for index in range(600):
        for x in points(a, index, rng):
            for y in points(b, index, rng):
                if name == "divide" and y == 0:
                    continue
                assert holds(result, index, exact(x, y)), (a.low[index], a.high[index], b.low[index], b.high[index])


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.1, -3.5, 0.0])
def test_times_a_constant(factor, rng):
    a = draw(rng, 400)
    with np.errstate(all="ignore"):
        product = pr.multiply(iv.point(factor), a)
    for index in range(400):
        for x in points(a, index, rng):
            assert holds(product, index, x * Fraction(factor))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 7])
def test_powers(exponent, rng):
    a = draw(rng, 400)
    with np.errstate(all="ignore"):
        result = pr.integer_power(a, exponent)
    for index in range(400):
        for x in points(a, index, rng):
            assert holds(result, index, x**exponent)


@pytest.mark.parametrize(("ours", "exact"), [(iv.absolute, abs), (iv.negative, operator.neg)])
def test_signs(ours, exact, rng):
    a = draw(rng, 400)
    result = ours(a)
    for index in range(400):
        for x in points(a, index, rng):
            assert holds(result, index, exact(x))


def test_exact_sums_and_products_are_not_widened():
    one_third, half = iv.point(1 / 3), iv.point(0.5)
    assert iv.add(half, half).low == iv.add(half, half).high == 1
    assert pr.multiply(one_third, half).is_point
    assert pr.divide(iv.point(1.345), iv.point(1.345)).is_point
    assert not iv.add(one_third, iv.point(0.1)).is_point


@pytest.mark.parametrize(
    "holds_exactly", [rounding.is_exact_sum, rounding.is_exact_product, rounding.is_exact_quotient]
)
def test_exactness_is_never_claimed_wrongly(holds_exactly, rng):
    a = np.concatenate([rng.choice(SPECIAL, 2000), rng.normal(size=2000)])
    b = np.concatenate([rng.choice(SPECIAL, 2000), rng.choice(SPECIAL, 2000)])
    b = np.where(b == 0, 1.0, b)
    op = {"sum": operator.add, "product": operator.mul, "quotient": operator.truediv}[holds_exactly.__name__[9:]]
    with np.errstate(all="ignore"):
        result = op(a, b)
        claimed = holds_exactly(a, b, result)
    for x, y, z, claim in zip(a, b, result, claimed, strict=True):
        exact = np.isfinite(z) and op(Fraction(float(x)), Fraction(float(y))) == Fraction(float(z))
        assert exact or not claim
    assert claimed.any()
    assert not claimed.all()


COMPARISONS = {
    "greater": (truth.greater, operator.gt),
    "at least": (lambda a, b: truth.greater(a, b, or_equal=True), operator.ge),
    "equal": (truth.equal, operator.eq),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_see_every_answer(name, rng):
    ours, exact = COMPARISONS[name]
    a, b = draw(rng, 600), draw(rng, 600)
    result = ours(a, b)
    for index in range(600):
        answers = {exact(x, y) for x in points(a, index, rng) for y in points(b, index, rng)}
        assert True not in answers or result.may_hold[index]
        assert False not in answers or result.may_fail[index]


def test_an_open_end_decides_a_comparison():
    closed, opened = np.asarray([False]), np.asarray([True])
    right = Interval(np.asarray([1.0]), np.asarray([2.0]), opened, closed)
    assert not truth.greater(right, iv.point(1.0)).may_fail
    assert not truth.greater(iv.subtract(right, iv.point(0.25)), iv.point(0.75)).may_fail
    touching = Interval(right.low, right.high, closed, closed)
    assert truth.greater(touching, iv.point(1.0)).may_fail
    raised = iv.maximum(touching, iv.point(1.0))
    assert truth.greater(raised, iv.point(1.0)).may_fail, "max(x, 1) reaches 1"
