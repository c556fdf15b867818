"""A program, run operation by operation: every number knows the operation that made it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from jaxloss.inspect.diagnosis.places import is_of_jax, is_ours, line_of_operation
from jaxloss.inspect.primitives import parts_of_scan

__all__ = ["Node", "Program", "Step", "step_through"]

LONG = 64
"""Loops with more turns than this are run as one operation."""


@dataclasses.dataclass(eq=False)
class Node:
    """A number or array of a program, and the step that made it; None for inputs and constants."""

    value: Any
    maker: Step | None = None


@dataclasses.dataclass(eq=False)
class Step:
    """One operation that was run.

    Attributes:
        primitive: Its name in JAX.
        inputs: What it took.
        outputs: What it made.
        line: Where the source asks for it.
        guarded: Whether a function with a derivative of its own contains it.
        ours: Whether a loss of jaxloss contains it.
    """

    primitive: str
    inputs: list[Node]
    outputs: list[Node]
    line: str
    guarded: bool
    ours: bool = False

    @property
    def where(self) -> str:
        """The operation and its line, for a finding."""
        place = f"{self.primitive} in jaxloss" if self.ours else self.primitive
        return f"{place} at {self.line}" if self.line else place


@dataclasses.dataclass
class Program:
    """A run of a program: its inputs, its steps in order, its outputs."""

    inputs: list[Node]
    steps: list[Step]
    outputs: list[Node]


def step_through(fn: Callable[..., Any], *args: Any) -> Program | None:
    """Run ``fn(*args)`` operation by operation, through all functions and branches that it calls.

    None if that cannot be done, as for a function that needs values while it is traced.
    """
    program = Program([Node(leaf) for leaf in jax.tree.leaves(args)], [], [])
    try:
        closed = jax.make_jaxpr(fn)(*args)
        program.outputs = _Stepper(program.steps).run(closed, program.inputs, Place())
    except Exception:
        return None
    return program


def _constant(literal: Literal) -> Node:
    """A number that is written in the program, in the dtype that it has there."""
    return Node(np.asarray(literal.val, getattr(literal.aval, "dtype", None)))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where operations stand.

    Attributes:
        line: The line that calls a function of JAX, which contains them; empty outside of such functions.
        guarded: Whether a function with a derivative of its own contains them.
        ours: Whether jaxloss asks for them.
    """

    line: str = ""
    guarded: bool = False
    ours: bool = False

    def of(self, equation: JaxprEqn) -> Place:
        """The place of one operation: a function of JAX is traced once for all of its callers."""
        info = equation.source_info
        return Place(self.line or line_of_operation(info), self.guarded, self.ours if self.line else is_ours(info))

    def inside(self, equation: JaxprEqn, jaxpr: Jaxpr) -> Place:
        """The place of the operations of a function that an operation calls."""
        place = self.of(equation) if is_of_jax(jaxpr.debug_info.func_src_info) else self
        return dataclasses.replace(place, guarded=self.guarded or equation.primitive.name.startswith("custom_"))


class _Stepper:
    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def run(self, closed: ClosedJaxpr, inputs: Sequence[Node], place: Place) -> list[Node]:
        jaxpr = closed.jaxpr
        known = dict(zip(jaxpr.constvars, map(Node, closed.consts), strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))
        read = lambda atom: _constant(atom) if isinstance(atom, Literal) else known[atom]
        for equation in jaxpr.eqns:
            outputs = self.step(equation, [read(atom) for atom in equation.invars], place)
            known.update(zip(equation.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def step(self, equation: JaxprEqn, inputs: list[Node], place: Place) -> list[Node]:
        name, params = equation.primitive.name, equation.params
        if name == "cond":
            branch = params["branches"][int(inputs[0].value)]
            return self.run(branch, inputs[1:], place.inside(equation, branch.jaxpr))
        if name == "scan" and params["length"] <= LONG:
            return self.scan(equation, inputs, place)
        for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
            if name not in ("scan", "while") and isinstance(inner := params.get(key), ClosedJaxpr | Jaxpr):
                closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
                if len(closed.jaxpr.invars) == len(inputs):
                    return self.run(closed, inputs, place.inside(equation, closed.jaxpr))
        return self.operation(equation, inputs, place.of(equation))

    def operation(self, equation: JaxprEqn, inputs: list[Node], place: Place) -> list[Node]:
        params = equation.primitive.get_bind_params(equation.params)
        results = equation.primitive.bind(*[node.value for node in inputs], **params)
        results = results if equation.primitive.multiple_results else [results]
        guarded = place.guarded or equation.primitive.name.startswith("custom_")
        return self.note(equation.primitive.name, inputs, results, dataclasses.replace(place, guarded=guarded))

    def note(self, name: str, inputs: list[Node], results: Sequence[Any], place: Place) -> list[Node]:
        step = Step(name, inputs, [], place.line, place.guarded, place.ours)
        step.outputs = [Node(result, step) for result in results]
        self.steps.append(step)
        return step.outputs

    def scan(self, equation: JaxprEqn, inputs: list[Node], place: Place) -> list[Node]:
        """The turns of a loop, one after the other."""
        params, here = equation.params, place.of(equation)
        num_consts, num_carry = parts_of_scan(params)
        consts, carry, rows = inputs[:num_consts], inputs[num_consts:][:num_carry], inputs[num_consts + num_carry :]
        body, turns = params["jaxpr"], range(params["length"])
        made: dict[int, list[Node]] = {}
        for turn in reversed(turns) if params["reverse"] else turns:
            given = [self.note("slice", [row], [row.value[turn]], here)[0] for row in rows]
            results = self.run(body, [*consts, *carry, *given], place.inside(equation, body.jaxpr))
            carry, made[turn] = results[:num_carry], results[num_carry:]
        columns = zip(*(made[turn] for turn in turns), strict=True)
        stack = lambda column: self.note("stack", list(column), [jnp.stack([n.value for n in column])], here)
        return [*carry, *(stack(column)[0] for column in columns)]
