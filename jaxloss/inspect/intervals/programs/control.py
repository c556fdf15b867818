"""Primitives that choose between programs or repeat one: conditionals, and loops of a known small length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import branches, jets
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.entries import Entries, each
from jaxloss.inspect.intervals.programs.rules import Missing, Value
from jaxloss.inspect.primitives import parts_of_scan

__all__ = ["CONTROL", "Call"]

Call: TypeAlias = Callable[[Any, Sequence[Entries]], list[Entries]]
"""Runs a program inside the program."""

MOST_STEPS = 128
"""Loops with more steps in all are refused."""


def _cond(call: Call, params: Mapping[str, Any], which: Entries, *operands: Entries) -> list[Entries]:
    programs, (index,) = params["branches"], which.ravel()
    if isinstance(index, Truth):
        raise Missing("a conditional by a truth value")
    # All programs run, whatever is known of the index: every run has to meet the same comparisons.
    outcomes = call(programs[0], operands)
    for place, program in enumerate(programs[1:], 1):
        # An index beyond the last program means the last, and one below 0 the first.
        reached = truth.greater(index.value, jets.constant(float(place)).value, or_equal=True)
        reached = truth.unsure(reached, index.undefined)
        others = call(program, operands)
        outcomes = [each(_chosen(reached), *pair) for pair in zip(others, outcomes, strict=True)]
    return outcomes


def _chosen(condition: Truth) -> Callable[[Value, Value], Value]:
    def choose(if_true: Value, if_false: Value) -> Value:
        if isinstance(if_true, Jet) and isinstance(if_false, Jet):
            return if_true if if_true is if_false else branches.choose(condition, if_true, if_false)
        if isinstance(if_true, Truth) and isinstance(if_false, Truth):
            held = truth.both(condition, if_true)
            return truth.either(held, truth.both(truth.inverse(condition), if_false))
        raise Missing("a choice between a number and a truth value")

    return choose


def _scan(call: Call, params: Mapping[str, Any], *operands: Entries) -> list[Entries]:
    length, (constants, carried) = params["length"], parts_of_scan(params)
    if length * len(params["jaxpr"].jaxpr.eqns) > MOST_STEPS:
        raise Missing(f"a loop of more than {MOST_STEPS} steps")
    fixed, state = list(operands[:constants]), list(operands[constants : constants + carried])
    rows = operands[constants + carried :]
    collected: list[list[Entries]] = []
    for index in range(length)[::-1] if params["reverse"] else range(length):
        found = call(params["jaxpr"], [*fixed, *state, *(array[index, ...] for array in rows)])
        state = found[:carried]
        collected.append(found[carried:])
    if params["reverse"]:
        collected.reverse()
    return state + [np.stack(parts) for parts in zip(*collected, strict=True)]


CONTROL: Mapping[str, Callable[..., list[Entries]]] = {"cond": _cond, "scan": _scan}
"""Name of a primitive to ``rule(call, params, *arrays)``."""
