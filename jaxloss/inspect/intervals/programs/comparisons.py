"""Rules of the primitives that compare numbers, combine the answers and choose by them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.arithmetic.interval import Interval
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import branches
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.rules import Missing, Rule, Value, Watch

__all__ = ["COMPARISONS"]

COMPARISONS: dict[str, Rule] = {}


def _comparison(name: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        COMPARISONS[name] = rule
        return rule

    return register


def _compared(holds: Callable[[Interval, Interval], Truth], sense: int, of_itself: bool) -> Rule:
    def rule(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
        if isinstance(a, Truth) or isinstance(b, Truth):
            raise Missing("comparison of truth values")
        watch.note(a, b)
        if a is b:
            return truth.of_constant(of_itself)
        return dataclasses.replace(holds(a.value, b.value), turn=sense * branches.direction(a, b))

    return rule


COMPARISONS.update(
    gt=_compared(truth.greater, 1, False),
    lt=_compared(lambda a, b: truth.greater(b, a), -1, False),
    ge=_compared(lambda a, b: truth.greater(a, b, or_equal=True), 1, True),
    le=_compared(lambda a, b: truth.greater(b, a, or_equal=True), -1, True),
)


@_comparison("eq")
def _eq(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    if isinstance(a, Truth) and isinstance(b, Truth):
        return truth.same(a, b)
    if isinstance(a, Truth) or isinstance(b, Truth):
        raise Missing("comparison of a number with a truth value")
    watch.note(a, b)
    return truth.of_constant(True) if a is b else truth.equal(a.value, b.value)


@_comparison("ne")
def _ne(watch: Watch, params: Mapping[str, Any], a: Value, b: Value) -> Value:
    result = _eq(watch, params, a, b)
    assert isinstance(result, Truth)
    return truth.inverse(result)


@_comparison("and")
def _and(_watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    return truth.both(*_truths(a, b))


@_comparison("or")
def _or(_watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    return truth.either(*_truths(a, b))


@_comparison("xor")
def _xor(_watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    return truth.inverse(truth.same(*_truths(a, b)))


@_comparison("not")
def _not(_watch: Watch, _params: Mapping[str, Any], a: Value) -> Value:
    return truth.inverse(_truths(a, a)[0])


def _truths(a: Value, b: Value) -> tuple[Truth, Truth]:
    if isinstance(a, Jet) or isinstance(b, Jet):
        raise Missing("bitwise logic of numbers")
    return a, b


@_comparison("is_finite")
def _is_finite(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Truth:
    finite = np.isfinite(a.value.low) & np.isfinite(a.value.high)
    return Truth(np.ones((), bool), ~finite)


@_comparison("select_n")
def _select(_watch: Watch, _params: Mapping[str, Any], which: Value, *cases: Value) -> Value:
    if isinstance(which, Jet) or len(cases) != 2:
        raise Missing("select_n by an integer")
    if_false, if_true = cases
    if isinstance(if_true, Truth) and isinstance(if_false, Truth):
        return truth.either(truth.both(which, if_true), truth.both(truth.inverse(which), if_false))
    if isinstance(if_true, Truth) or isinstance(if_false, Truth):
        raise Missing("select_n of a number and a truth value")
    return if_true if if_true is if_false else branches.choose(which, if_true, if_false)
