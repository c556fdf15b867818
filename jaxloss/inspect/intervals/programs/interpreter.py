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
from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.arithmetic.arrays import Bools, Floats
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import jets
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs import known
from jaxloss.inspect.intervals.programs.comparisons import COMPARISONS
from jaxloss.inspect.intervals.programs.rules import RULES, Missing, Value, Watch

__all__ = ["Program", "trace"]

_CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr"}
"""Primitives that call another program, and the parameter that holds it."""

_CUSTOM = ("custom_jvp_call", "custom_vjp_call")
_PICKING = ("select_n", "optimization_barrier", *_CALLS, *_CUSTOM)
"""What may leave an operand out; whether the outcome is NaN is then known from the outcome."""

_WITHOUT_ROUNDING = (
    "convert_element_type",
    "broadcast_in_dim",
    "reshape",
    "squeeze",
    "copy",
    "copy_p",
    "select_n",
    "neg",
)
_EXACT_FOR_INTEGERS = ("add", "sub", "mul", "max", "min", "abs", "sign", "clamp", "integer_pow", "square")


@dataclasses.dataclass(frozen=True)
class Program:
    """A function of one float64, traced."""

    closed: core.ClosedJaxpr

    def __call__(
        self, low: Floats, high: Floats, low_open: Bools, high_open: Bools, margins: list[Floats] | None = None
    ) -> Jet:
        """Enclosures over boxes; with ``margins``, a list to which the margin of every comparison is added."""
        box = iv.Interval(low, high, low_open, high_open)
        with np.errstate(all="ignore"):
            (result,) = _run(self.closed.jaxpr, self.closed.consts, [Jet(box, slope=iv.point(1.0))], Watch(margins))
        if isinstance(result, Truth):
            raise Missing("a loss that is a truth value")
        return result

    def value_on(self, low: Floats, high: Floats) -> Floats:
        """The ends ``[2, N]`` of enclosures of the value alone; the whole line where it may be NaN."""
        closed = np.zeros(low.shape, bool)
        with np.errstate(all="ignore"):
            box = Jet(iv.Interval(low, high, closed, closed))
            (result,) = _run(self.closed.jaxpr, self.closed.consts, [box], Watch())
        if isinstance(result, Truth):
            raise Missing("a loss that is a truth value")
        ends = np.stack([np.broadcast_to(result.value.low, low.shape), np.broadcast_to(result.value.high, low.shape)])
        return np.where(result.undefined, np.asarray([[-np.inf], [np.inf]]), ends)


def trace(fn: Callable[[jax.Array], jax.Array]) -> Program:
    """The program of a function of one number, in float64."""
    with jax.enable_x64(True):
        return Program(jax.make_jaxpr(fn)(jnp.zeros((), jnp.float64)))


def _constant(value: Any) -> Value:
    number = np.asarray(value)
    if number.size != 1:
        raise Missing(f"a constant array of shape {number.shape}")
    if number.dtype == np.bool_:
        return truth.of_constant(bool(number.item()))
    return _spread_undefined(jets.constant(float(number.item())), ())


def _run(jaxpr: core.Jaxpr, consts: Sequence[Any], inputs: Sequence[Value], watch: Watch) -> list[Value]:
    held: dict[core.Var, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    held.update(zip(jaxpr.constvars, (_constant(c) for c in consts), strict=True))

    def read(variable: Any) -> Value:
        return _constant(variable.val) if isinstance(variable, core.Literal) else held[variable]

    for step in jaxpr.eqns:
        _check(step)
        operands = [read(v) for v in step.invars]
        outputs = _step(step, operands, watch)
        if step.primitive.name not in _PICKING:
            outputs = [_spread_undefined(output, operands) for output in outputs]
        held.update(zip(step.outvars, outputs, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _spread_undefined(output: Value, operands: Sequence[Value]) -> Value:
    """NaN makes NaN of everything that is computed from it, and a comparison with it has any answer.

    It is born where an enclosure is the whole line, which later steps may make narrow again.
    """
    undefined = np.zeros((), bool)
    for operand in operands:
        if isinstance(operand, Jet):
            undefined = undefined | operand.undefined
    if isinstance(output, Truth):
        return truth.unsure(output, undefined) if undefined.any() else output
    undefined = undefined | output.undefined | np.isneginf(output.value.low) & np.isposinf(output.value.high)
    return dataclasses.replace(output, undefined=undefined) if undefined.any() else output


def _check(step: core.JaxprEqn) -> None:
    """Refuse steps that work on arrays, or that round to less than float64 or to whole numbers."""
    name = step.primitive.name
    for variable in step.outvars:
        aval = variable.aval
        if not isinstance(aval, ShapedArray):
            raise Missing(f"the primitive {name}")
        if math.prod(aval.shape) != 1:
            raise Missing(f"{name} of an array of shape {aval.shape}")
        if name in _CALLS or name in _CUSTOM or name in _WITHOUT_ROUNDING or aval.dtype in (np.float64, np.bool_):
            continue
        if not (np.issubdtype(aval.dtype, np.integer) and name in _EXACT_FOR_INTEGERS):
            raise Missing(f"{name} in {aval.dtype.name}")


def _step(step: core.JaxprEqn, inputs: list[Value], watch: Watch) -> list[Value]:
    name = step.primitive.name
    if name == "optimization_barrier":
        return inputs
    if name in _CALLS:
        return _call(step.params[_CALLS[name]], inputs, watch)
    if name in _CUSTOM:
        return _custom(step, inputs, watch)
    rule = RULES.get(name) or COMPARISONS.get(name)
    if rule is None:
        raise Missing(f"the primitive {name}")
    return [rule(watch, step.params, *inputs)]


def _call(program: Any, inputs: list[Value], watch: Watch) -> list[Value]:
    if isinstance(program, core.ClosedJaxpr):
        return _run(program.jaxpr, program.consts, inputs, watch)
    return _run(program, (), inputs, watch)


def _custom(step: core.JaxprEqn, inputs: list[Value], watch: Watch) -> list[Value]:
    """By the closed form if the function is known, else by what its body does; its own derivative rule is not used."""
    entry = known.find(step)
    outputs = None if entry is None else entry.form(*(a for a in inputs if isinstance(a, Jet)))
    if outputs is None:
        outputs = _call(step.params["call_jaxpr"], inputs, watch)
    else:
        outputs = [_spread_undefined(output, inputs) for output in outputs]
    if entry is not None and known.keeps_its_rule(step, entry):
        return list(outputs)
    return [_opaque(known.name_of(step), output) for output in outputs]


def _opaque(name: str, output: Value) -> Value:
    if isinstance(output, Truth) or (output.slope is None and output.jumps is None):
        return output
    return jets.unverified(output, name, np.ones(output.value.low.shape, bool))
