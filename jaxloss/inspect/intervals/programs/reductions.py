"""Primitives that take the entries of an array together: sums, extrema, running totals, and products of arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import branches, jets
from jaxloss.inspect.intervals.programs.entries import Entries, fold, of_list, run_through
from jaxloss.inspect.intervals.programs.memory import Memory
from jaxloss.inspect.intervals.programs.rules import Missing, Value

__all__ = ["REDUCTIONS"]

_EMPTY: Mapping[str, Value | None] = {
    "add": jets.constant(0.0),
    "mul": jets.constant(1.0),
    "and": truth.of_constant(True),
    "or": truth.of_constant(False),
    "max": None,
    "min": None,
}
_FOLDS = {"reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min"}
_FOLDS |= {"reduce_and": "and", "reduce_or": "or"}
_RUNNING = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}


def _folded(step: str) -> Callable[..., Entries]:
    def rule(memory: Memory, params: Mapping[str, Any], a: Entries) -> Entries:
        return fold(lambda x, y: memory.step(step, x, y), _EMPTY[step], a, params["axes"])

    return rule


def _running(step: str) -> Callable[..., Entries]:
    def rule(memory: Memory, params: Mapping[str, Any], a: Entries) -> Entries:
        return run_through(lambda x, y: memory.step(step, x, y), a, params["axis"], params["reverse"])

    return rule


def _place_of(name: str) -> Callable[..., Entries]:
    """The index of the first extremum: a whole number that jumps where another entry takes over."""
    comparison, extremum = {"argmax": ("gt", "max"), "argmin": ("lt", "min")}[name]

    def rule(memory: Memory, params: Mapping[str, Any], a: Entries) -> Entries:
        (axis,) = params["axes"]
        rows = np.moveaxis(a, axis, 0)
        shape = rows.shape[1:]
        found = []
        for entries in rows.reshape(len(rows), -1).T:
            best, place = entries[0], jets.constant(0.0)
            for index, entry in enumerate(entries[1:], 1):
                better = memory.step(comparison, entry, best)
                if not isinstance(better, Truth):
                    raise Missing(f"{name} of truth values")
                place = branches.choose(better, jets.constant(float(index)), place)
                best = memory.step(extremum, best, entry)
            found.append(place)
        return of_list(found, shape)

    return rule


def _dot_general(memory: Memory, params: Mapping[str, Any], a: Entries, b: Entries) -> Entries:
    """Sums of products over the contracted axes, for each index of the batch and of the other axes."""
    (left, right), (left_batch, right_batch) = params["dimension_numbers"]
    if any(isinstance(entry, Truth) for entry in (*a.ravel(), *b.ravel())):
        raise Missing("products of truth values")
    one, other = _batch_free_contracted(a, left_batch, left), _batch_free_contracted(b, right_batch, right)
    batch = tuple(a.shape[axis] for axis in left_batch)
    shape = batch + _free(a, left_batch, left) + _free(b, right_batch, right)
    totals = []
    for index, i, j in itertools.product(range(one.shape[0]), range(one.shape[1]), range(other.shape[1])):
        products = [memory.step("mul", x, y) for x, y in zip(one[index, i], other[index, j], strict=True)]
        total: Value = products[0] if products else jets.constant(0.0)
        for product in products[1:]:
            total = memory.step("add", total, product)
        totals.append(total)
    return of_list(totals, shape)


def _free(a: Entries, batch: Sequence[int], contracted: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(a.shape) if axis not in (*batch, *contracted))


def _batch_free_contracted(a: Entries, batch: Sequence[int], contracted: Sequence[int]) -> Entries:
    """The array with three axes."""
    free = [axis for axis in range(a.ndim) if axis not in (*batch, *contracted)]
    sizes = [int(np.prod([a.shape[axis] for axis in axes])) for axes in (batch, free, contracted)]
    return a.transpose(*batch, *free, *contracted).reshape(sizes)


REDUCTIONS: Mapping[str, Callable[..., Entries]] = {
    **{name: _folded(step) for name, step in _FOLDS.items()},
    **{name: _running(step) for name, step in _RUNNING.items()},
    **{name: _place_of(name) for name in ("argmax", "argmin")},
    "dot_general": _dot_general,
}
"""Name of a primitive to ``rule(memory, params, *arrays)``."""
