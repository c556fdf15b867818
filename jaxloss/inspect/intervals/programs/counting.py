"""How much work a program is: the numbers that its steps take, those of a loop as often as it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from jax.core import ShapedArray
from jax.extend import core

__all__ = ["work_of"]


def work_of(jaxpr: core.Jaxpr) -> int:
    """The number of single numbers that go into the steps of a program."""
    total = 0
    for step in jaxpr.eqns:
        inner = list(_inside(step))
        repeats = step.params["length"] if step.primitive.name == "scan" else 1
        numbers = sum(math.prod(v.aval.shape) for v in step.invars if isinstance(v.aval, ShapedArray))
        total += repeats * sum(map(work_of, inner)) if inner else numbers
    return total


def _inside(step: core.JaxprEqn) -> Iterator[core.Jaxpr]:
    for parameter in step.params.values():
        for part in parameter if isinstance(parameter, tuple | list) else [parameter]:
            if isinstance(part, core.ClosedJaxpr):
                yield part.jaxpr
