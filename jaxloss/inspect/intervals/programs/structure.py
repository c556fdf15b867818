"""Primitives that only move entries: broadcasts, shapes, slices, and everything that is looked up at known places."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax.extend import core
from numpy.typing import NDArray

from jaxloss.inspect.intervals.arithmetic.interval import CLOSED, Interval
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.entries import Entries, moved, of_constant, of_list
from jaxloss.inspect.intervals.programs.rules import Missing

__all__ = ["LOOK_UPS", "MOVES", "Shapes", "empty", "iota", "look_up", "move"]

Shapes: TypeAlias = Sequence[tuple[int, ...]]
Positions: TypeAlias = NDArray[np.int_]

MOVES: dict[str, Callable[..., Positions | Sequence[Positions]]] = {}
"""Name of a primitive to ``fn(params, shapes of the outputs, *positions)``, which moves the positions of entries."""


def _move(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        MOVES.update(dict.fromkeys(names, fn))
        return fn

    return register


def move(name: str, params: Mapping[str, Any], shapes: Shapes, inputs: Sequence[Entries]) -> list[Entries]:
    """The outputs of a primitive of `MOVES`."""
    found = MOVES[name](params, shapes, *_positions(inputs))
    return [moved(np.asarray(part), *inputs) for part in (found if isinstance(found, list) else [found])]


def _positions(arrays: Sequence[Entries]) -> list[Positions]:
    """The places of all entries, counted through the arrays."""
    starts = itertools.accumulate((a.size for a in arrays), initial=0)
    return [np.arange(i, i + a.size).reshape(a.shape) for i, a in zip(starts, arrays, strict=False)]


@_move("broadcast_in_dim")
def _broadcast_in_dim(params: Mapping[str, Any], shapes: Shapes, a: Positions) -> Positions:
    shape = [1] * len(shapes[0])
    for axis, place in enumerate(params["broadcast_dimensions"]):
        shape[place] = a.shape[axis]
    return np.broadcast_to(a.reshape(shape), shapes[0])


@_move("reshape")
def _reshape(params: Mapping[str, Any], shapes: Shapes, a: Positions) -> Positions:
    return (a if params["dimensions"] is None else a.transpose(params["dimensions"])).reshape(shapes[0])


@_move("squeeze")
def _squeeze(_params: Mapping[str, Any], shapes: Shapes, a: Positions) -> Positions:
    return a.reshape(shapes[0])


@_move("transpose")
def _transpose(params: Mapping[str, Any], _shapes: Shapes, a: Positions) -> Positions:
    return a.transpose(params["permutation"])


@_move("rev")
def _rev(params: Mapping[str, Any], _shapes: Shapes, a: Positions) -> Positions:
    return np.flip(a, params["dimensions"])


@_move("slice")
def _slice(params: Mapping[str, Any], _shapes: Shapes, a: Positions) -> Positions:
    strides = params["strides"] or [1] * a.ndim
    cut = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return a[tuple(slice(*ends) for ends in cut)]


@_move("concatenate")
def _concatenate(params: Mapping[str, Any], _shapes: Shapes, *arrays: Positions) -> Positions:
    return np.concatenate(arrays, params["dimension"])


@_move("stack")
def _stack(params: Mapping[str, Any], _shapes: Shapes, *arrays: Positions) -> Positions:
    return np.stack(arrays, params["axis"])


@_move("tile")
def _tile(params: Mapping[str, Any], _shapes: Shapes, a: Positions) -> Positions:
    return np.tile(a, params["reps"])


@_move("unstack")
def _unstack(params: Mapping[str, Any], _shapes: Shapes, a: Positions) -> list[Positions]:
    return list(np.moveaxis(a, params["axis"], 0))


@_move("split")
def _split(params: Mapping[str, Any], _shapes: Shapes, a: Positions) -> list[Positions]:
    return np.split(a, np.cumsum(params["sizes"])[:-1], params["axis"])


@_move("pad")
def _pad(params: Mapping[str, Any], _shapes: Shapes, a: Positions, filling: Positions) -> Positions:
    for axis, (low, high, between) in enumerate(params["padding_config"]):
        rows = [a.take([index], axis) for index in range(a.shape[axis])]
        blank = np.full_like(a.take([0], axis), filling.item()) if rows else None
        if blank is None:
            raise Missing("padding of an empty array")
        spaced = [part for row in rows for part in (row, *[blank] * between)][: len(rows) + (len(rows) - 1) * between]
        spaced = [blank] * max(low, 0) + spaced[max(-low, 0) :] + [blank] * max(high, 0)
        a = np.concatenate(spaced[: len(spaced) + min(high, 0)], axis)
    return a


def empty(params: Mapping[str, Any], shape: tuple[int, ...]) -> Entries:
    """Entries that may be anything, which the gradients of conditionals leave where no number is needed."""
    anything = np.ones((), bool)
    if params["dtype"] == np.bool_:
        return of_list([Truth(anything, anything)] * math.prod(shape), shape)
    line = Interval(np.asarray(-np.inf), np.asarray(np.inf), CLOSED, CLOSED)
    return of_list([Jet(line, undefined=anything)] * math.prod(shape), shape)


def iota(params: Mapping[str, Any]) -> Entries:
    """The index along an axis."""
    shape, axis = params["shape"], params["dimension"]
    along = [1] * len(shape)
    along[axis] = shape[axis]
    return of_constant(np.broadcast_to(np.arange(shape[axis]).reshape(along), shape))


LOOK_UPS: Mapping[str, int] = {"gather": 1, "dynamic_slice": 1, "dynamic_update_slice": 2}
"""Primitives that find their entries by numbers, to the number of the operands before these numbers."""


def look_up(primitive: core.Primitive, params: Mapping[str, Any], inputs: Sequence[Entries]) -> Entries:
    """The output of a primitive of `LOOK_UPS`, by what JAX does with positions in the place of entries."""
    count = LOOK_UPS[primitive.name]
    arrays, indices = inputs[:count], inputs[count:]
    numbered = _positions(arrays)
    known = [_numbers(index) for index in indices]
    key = primitive.name, str(params), tuple(a.shape for a in arrays), str([index.tolist() for index in known])
    if key not in _LOOKED_UP:
        operands = [jnp.asarray(array, jnp.int32) for array in (*numbered, *known)]
        filling = {"fill_value": _BEYOND} if "fill_value" in params else {}
        _LOOKED_UP[key] = np.asarray(primitive.bind(*operands, **{**params, **filling}))
    positions = _LOOKED_UP[key]
    if (positions == _BEYOND).any():
        raise Missing(f"{primitive.name} beyond the ends")
    return moved(positions, *arrays)


_FAR = 2**30
"""Beyond every array."""

_BEYOND = -1
"""What JAX finds where there are no entries."""

_LOOKED_UP: dict[tuple[Any, ...], NDArray[Any]] = {}


def _numbers(indices: Entries) -> NDArray[np.int32]:
    numbers = [entry.number if isinstance(entry, Jet) else None for entry in indices.ravel()]
    if any(number is None for number in numbers):
        raise Missing("a place that depends on the input")
    return np.clip(np.asarray(numbers, np.float64), -_FAR, _FAR).astype(np.int32).reshape(indices.shape)
