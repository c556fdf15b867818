"""Small arrays of enclosures: NumPy arrays of objects, one enclosure for each entry."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.numbers import jets
from jaxloss.inspect.intervals.programs.rules import Missing, Value

__all__ = [
    "MOST_ENTRIES",
    "MOST_EXACT",
    "Entries",
    "each",
    "fold",
    "moved",
    "of_constant",
    "of_list",
    "of_one",
    "run_through",
]

MOST_ENTRIES = 32
"""Larger arrays are refused: a program takes time for each entry."""

MOST_EXACT = 2**53
"""Whole numbers of up to this size are float64 numbers."""

Entries: TypeAlias = NDArray[Any]
"""An array of enclosures, in the shape that the program has it in."""

Fold: TypeAlias = Callable[[Value, Value], Value]


def of_one(value: Value) -> Entries:
    return of_list([value], ())


def of_list(values: Sequence[Value], shape: tuple[int, ...]) -> Entries:
    """An array of some entries in row-major order."""
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def of_constant(value: Any) -> Entries:
    """A constant array, entry by entry."""
    numbers = np.asarray(value)
    if numbers.size > MOST_ENTRIES:
        raise Missing(f"a constant array of shape {numbers.shape}, which has more than {MOST_ENTRIES} entries")
    if numbers.dtype.kind in "cO":
        raise Missing(f"a constant of dtype {numbers.dtype}")
    if numbers.dtype.kind in "iu" and any(abs(int(x)) > MOST_EXACT for x in numbers.ravel()):
        raise Missing("whole numbers beyond those of float64")
    if numbers.dtype == np.bool_:
        return of_list([truth.of_constant(bool(x)) for x in numbers.ravel()], numbers.shape)
    return of_list([jets.constant(float(x)) for x in numbers.ravel()], numbers.shape)


def each(fn: Callable[..., Value], *arrays: Entries) -> Entries:
    """A function of single entries, for arrays of one shape; numbers go with every entry."""
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    columns = (np.broadcast_to(array, shape).ravel() for array in arrays)
    return of_list([fn(*entries) for entries in zip(*columns, strict=True)], shape)


def fold(fn: Fold, empty: Value | None, array: Entries, axes: Sequence[int]) -> Entries:
    """A function of two, over the entries along some axes, from the first to the last."""
    kept = [axis for axis in range(array.ndim) if axis not in axes]
    shape = tuple(array.shape[axis] for axis in kept)
    rows = array.transpose(*kept, *axes).reshape(int(np.prod(shape)), -1)
    if rows.shape[1]:
        return of_list([functools.reduce(fn, row) for row in rows], shape)
    if empty is None:
        raise Missing("the largest of no numbers")
    return of_list([empty] * len(rows), shape)


def run_through(fn: Fold, array: Entries, axis: int, reverse: bool) -> Entries:
    """The results so far of a function of two along an axis."""
    rows = np.moveaxis(array, axis, 0).copy()
    order = range(len(rows))[::-1] if reverse else range(len(rows))
    for last, now in itertools.pairwise(order):
        rows[now, ...] = each(fn, rows[last, ...], rows[now, ...])
    return np.moveaxis(rows, 0, axis)


def moved(positions: NDArray[np.int_], *arrays: Entries) -> Entries:
    """The entries at some positions among those of all arrays, one array after the other."""
    pool = [entry for array in arrays for entry in array.ravel()]
    return of_list([pool[position] for position in positions.ravel()], positions.shape)
