"""How numbers flow through a program: what depends on what, with or without a derivative."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import jax.numpy as jnp

from jaxloss.inspect.diagnosis.stepping import Node, Program, Step

__all__ = ["Flow", "ancestors", "flow_from"]

STEPS = ("stop_gradient", "round", "floor", "ceil", "sign", "nextafter", "iota")
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin", "is_finite")
BITS = ("and", "or", "not", "xor", "shift_left", "shift_right_logical", "population_count", "clz")
WITHOUT_DERIVATIVE = frozenset((*STEPS, *COMPARISONS, *BITS))
"""Operations whose derivative is zero or does not exist, by their names in JAX."""


@dataclasses.dataclass
class Flow:
    """What depends on an input.

    Attributes:
        reached: The nodes that depend on it.
        differentiable: Those with a path of operations that have derivatives.
    """

    reached: set[Node]
    differentiable: set[Node]

    def blockers(self, program: Program, useful: set[Node]) -> list[Step]:
        """The steps behind which no derivative is left, on the way to the nodes of ``useful``; in order."""

        def blocks(step: Step) -> bool:
            lost = [node for node in step.outputs if node in self.reached and node not in self.differentiable]
            return any(node in useful for node in lost) and any(node in self.differentiable for node in step.inputs)

        return [step for step in program.steps if blocks(step)]


def flow_from(program: Program, inputs: Iterable[Node]) -> Flow:
    """What depends on some inputs of a program."""
    start = set(inputs)
    flow = Flow(set(start), set(start))
    for step in program.steps:
        if any(node in flow.reached for node in step.inputs):
            flow.reached.update(step.outputs)
        if step.primitive not in WITHOUT_DERIVATIVE and any(node in flow.differentiable for node in step.inputs):
            flow.differentiable.update(node for node in step.outputs if jnp.issubdtype(node.value.dtype, jnp.inexact))
    return flow


def ancestors(nodes: Iterable[Node]) -> set[Node]:
    """The nodes that some nodes were made of, and they themselves."""
    found: set[Node] = set()
    open_nodes = list(nodes)
    while open_nodes:
        node = open_nodes.pop()
        if node not in found:
            found.add(node)
            open_nodes.extend(node.maker.inputs if node.maker else ())
    return found
