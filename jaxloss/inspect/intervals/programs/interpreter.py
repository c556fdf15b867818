"""Runs a traced function on enclosures: the program that JAX sees, with one rule for each of its steps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend import core

from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import jets
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs import known
from jaxloss.inspect.intervals.programs.cases import by_cases
from jaxloss.inspect.intervals.programs.control import CONTROL, Call
from jaxloss.inspect.intervals.programs.entries import (
    MOST_ENTRIES,
    MOST_EXACT,
    Entries,
    each,
    of_constant,
    of_one,
)
from jaxloss.inspect.intervals.programs.memory import Memory, spread_undefined
from jaxloss.inspect.intervals.programs.reductions import REDUCTIONS
from jaxloss.inspect.intervals.programs.rules import Missing, Value, Watch
from jaxloss.inspect.intervals.programs.structure import LOOK_UPS, MOVES, empty, iota, look_up, move

__all__ = ["Program", "trace"]

_CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr"}
"""Primitives that call another program, and the parameter that holds it."""

_CUSTOM = ("custom_jvp_call", "custom_vjp_call")

_WITHOUT_ROUNDING = (
    *_CALLS,
    *_CUSTOM,
    *CONTROL,
    *MOVES,
    *LOOK_UPS,
    "convert_element_type",
    "copy",
    "copy_p",
    "iota",
    "neg",
    "optimization_barrier",
    "platform_index",
    "select_n",
)
_EXACT_FOR_INTEGERS = (
    *("add", "sub", "mul", "max", "min", "abs", "sign", "clamp", "integer_pow", "square"),
    *(name for name in REDUCTIONS if name != "dot_general"),
)


@dataclasses.dataclass(frozen=True)
class Program:
    """A function of one float64, traced."""

    closed: core.ClosedJaxpr

    def __call__(
        self, low: Floats, high: Floats, low_open: Bools, high_open: Bools, margins: list[Floats] | None = None
    ) -> Jet:
        """Enclosures over boxes; with ``margins``, a list to which the margin of every comparison is added."""
        box = Jet(iv.Interval(low, high, low_open, high_open), slope=iv.point(1.0))
        if margins is not None:
            return self._of(box, Memory(Watch(margins)))
        with np.errstate(all="ignore"):
            return by_cases(lambda cases: self._of(box, Memory(Watch(), cases)), box)

    def value_on(self, low: Floats, high: Floats) -> Floats:
        """The ends ``[2, N]`` of enclosures of the value alone; the whole line where it may be NaN."""
        closed = np.zeros(low.shape, bool)
        result = self._of(Jet(iv.Interval(low, high, closed, closed)), Memory(Watch()))
        ends = np.stack([np.broadcast_to(result.value.low, low.shape), np.broadcast_to(result.value.high, low.shape)])
        return np.where(result.undefined, np.asarray([[-np.inf], [np.inf]]), ends)

    def _of(self, box: Jet, memory: Memory) -> Jet:
        with np.errstate(all="ignore"):
            (found,) = _run(self.closed.jaxpr, self.closed.consts, [of_one(box)], memory)
        if found.size != 1:
            raise Missing(f"a loss of shape {found.shape}")
        result = found.item()
        if isinstance(result, Truth):
            raise Missing("a loss that is a truth value")
        return result


def trace(fn: Callable[[jax.Array], jax.Array]) -> Program:
    """The program of a function of one number, in float64."""
    with jax.enable_x64(True):
        return Program(jax.make_jaxpr(fn)(jnp.zeros((), jnp.float64)))


def _run(jaxpr: core.Jaxpr, consts: Sequence[Any], inputs: Sequence[Entries], memory: Memory) -> list[Entries]:
    held: dict[core.Var, Entries] = dict(zip(jaxpr.invars, inputs, strict=True))
    held.update(zip(jaxpr.constvars, map(_constant, consts), strict=True))

    def read(variable: Any) -> Entries:
        return _constant(variable.val) if isinstance(variable, core.Literal) else held[variable]

    for step in jaxpr.eqns:
        _check(step)
        outputs = _step(step, [read(v) for v in step.invars], memory)
        for variable, output in zip(step.outvars, outputs, strict=True):
            _check_range(variable.aval, output)
            held[variable] = output
    return [read(variable) for variable in jaxpr.outvars]


def _constant(value: Any) -> Entries:
    return each(lambda entry: spread_undefined(entry, ()), of_constant(value))


def _check(step: core.JaxprEqn) -> None:
    """Refuse steps that work on large arrays, or that round to less than float64 or to whole numbers."""
    name = step.primitive.name
    for variable in step.outvars:
        aval = variable.aval
        if not isinstance(aval, ShapedArray):
            raise Missing(f"the primitive {name}")
        if math.prod(aval.shape) > MOST_ENTRIES:
            raise Missing(f"{name} of an array of shape {aval.shape}, which has more than {MOST_ENTRIES} entries")
        if name in _WITHOUT_ROUNDING or aval.dtype in (np.float64, np.bool_):
            continue
        if not (np.issubdtype(aval.dtype, np.integer) and name in _EXACT_FOR_INTEGERS):
            raise Missing(f"{name} in {aval.dtype.name}")


def _check_range(aval: Any, output: Entries) -> None:
    """Refuse whole numbers that JAX would wrap around, or that float64 would round."""
    if not np.issubdtype(aval.dtype, np.integer):
        return
    info = np.iinfo(aval.dtype)
    for entry in output.ravel():
        if isinstance(entry, Truth):
            raise Missing("bits of whole numbers")
        if (entry.value.low < max(info.min, -MOST_EXACT)).any() or (entry.value.high > min(info.max, MOST_EXACT)).any():
            raise Missing(f"whole numbers beyond {aval.dtype.name}")


def _step(step: core.JaxprEqn, inputs: list[Entries], memory: Memory) -> list[Entries]:
    name, params = step.primitive.name, step.params
    shapes = [getattr(variable.aval, "shape", ()) for variable in step.outvars]
    call: Call = lambda program, operands: _call(program, operands, memory)
    if name == "optimization_barrier":
        return inputs
    if name in _CALLS:
        return call(params[_CALLS[name]], inputs)
    if name in _CUSTOM:
        return _custom(step, inputs, memory)
    if name in CONTROL:
        return CONTROL[name](call, params, *inputs)
    if name in MOVES:
        return move(name, params, shapes, inputs)
    if name in LOOK_UPS:
        return [look_up(step.primitive, params, inputs)]
    if name in REDUCTIONS:
        return [REDUCTIONS[name](memory, params, *inputs)]
    if name == "iota":
        return [iota(params)]
    if name == "empty2":
        return [empty(params, shapes[0])]
    if name == "platform_index":
        return [_constant(np.int32(_place_of_cpu(params["platforms"])))]
    if not inputs:
        raise Missing(f"the primitive {name}")
    if name == "convert_element_type":
        params = {"new_dtype": params["new_dtype"], "old_dtype": getattr(step.invars[0].aval, "dtype", None)}
    return [each(lambda *operands: memory.step(name, *operands, params=params), *inputs)]


def _call(program: Any, inputs: Sequence[Entries], memory: Memory) -> list[Entries]:
    if isinstance(program, core.ClosedJaxpr):
        return _run(program.jaxpr, program.consts, inputs, memory)
    return _run(program, (), inputs, memory)


def _place_of_cpu(platforms: Sequence[Sequence[str] | None]) -> int:
    """Which of the programs for different platforms is for CPUs, on which a loss is examined."""
    return next(place for place, names in enumerate(platforms) if names is None or "cpu" in names)


def _custom(step: core.JaxprEqn, inputs: list[Entries], memory: Memory) -> list[Entries]:
    """By the closed form if the function is known, else by what its body does; its own derivative rule is not used."""
    exact = all(getattr(variable.aval, "dtype", None) == np.float64 for variable in step.outvars)
    entry = known.find(step) if exact else None
    outputs = None if entry is None else known.by_its_form(entry, inputs, memory)
    if outputs is None:
        outputs = _call(step.params["call_jaxpr"], inputs, memory)
    if entry is not None and known.keeps_its_rule(step, entry):
        return outputs
    if not any(_moves(value) for array in inputs for value in array.ravel()):
        return outputs
    opaque = lambda value: (
        value if isinstance(value, Truth) else jets.unverified(value, known.name_of(step), _EVERYWHERE)
    )
    return [each(opaque, output) for output in outputs]


_EVERYWHERE = np.ones((), bool)


def _moves(value: Value) -> bool:
    """Whether a number depends on the input; a rule has nothing to say of one that does not."""
    return isinstance(value, Jet) and value.number is None
