"""That ``where=None`` costs nothing: the compiled program of a loss beside that of its bare formula."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from jaxloss.benchmarks.formulas import FORMULAS
from jaxloss.benchmarks.peers import reduced
from jaxloss.benchmarks.programs import QUANTITIES, Figures, figures
from jaxloss.benchmarks.tables import count, ratio, rows
from jaxloss.benchmarks.tasks import Task

BARE = ("squared_error",)
"""Losses that are their textbook formula; one that computes more carefully is compared with its own maths and
``jnp.mean`` in place of its reduction."""

SCALARS = 64
"""Bytes; what does not grow with the batch, such as the two sums of a mean, is not counted as a cost."""


@dataclasses.dataclass
class MaskCost:
    """Compiled figures by quantity with no mask, by the bare formula and with a mask."""

    name: str
    bare: str
    without: dict[str, Figures]
    formula: dict[str, Figures]
    masked: dict[str, Figures]

    @property
    def free(self) -> bool:
        """Whether no mask means no byte more, accessed or temporary, for the value and with the gradient."""
        return all(
            self.without[quantity].get(figure, math.inf) <= self.formula[quantity].get(figure, -math.inf) + SCALARS
            for quantity in QUANTITIES
            for figure in ("bytes_accessed", "temp_bytes")
        )


def _compiled(fn: Callable[..., Any], inputs: Sequence[Any]) -> Figures:
    return figures(jax.jit(lambda *args: fn(*args)).trace(*inputs).lower().compile())


def measure(task: Task) -> MaskCost:
    """From shapes alone, nothing runs."""
    loss = functools.partial(getattr(jaxloss, task.loss), **task.hypers)
    inputs = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), task.inputs)
    mask = jax.ShapeDtypeStruct(task.batch, jnp.bool_)

    def own_maths(*args: jax.Array) -> jax.Array:
        return loss(*args, reduction=lambda values, _: jnp.mean(values))

    def masked(*args: jax.Array) -> jax.Array:
        return loss(*args[:-1], where=args[-1])

    def both(fn: Callable[..., Any], *extra: Any) -> dict[str, Figures]:
        functions = (fn, jax.value_and_grad(fn, argnums=task.argnums))
        return {q: _compiled(f, (*inputs, *extra)) for q, f in zip(QUANTITIES, functions, strict=True)}

    bare = reduced(FORMULAS[task.loss]) if task.loss in BARE else own_maths
    source = "by hand" if task.loss in BARE else "same maths"
    return MaskCost(task.title, source, both(loss), both(bare), both(masked, mask))


def table(costs: Sequence[MaskCost]) -> Iterator[str]:
    """What no mask and a mask cost with the gradient, as multiples of the bare formula."""
    cells = []
    for cost in costs:
        without, formula, masked = (f["value_and_grad"] for f in (cost.without, cost.formula, cost.masked))
        more = without["temp_bytes"] - formula["temp_bytes"]
        with_mask = masked["bytes_accessed"] / formula["bytes_accessed"]
        accessed = f"{without['bytes_accessed'] / formula['bytes_accessed']:.3f}"
        name = cost.name.replace("softmax_cross_entropy_with_integer_labels", "softmax .. integer_labels")
        cells.append([name, cost.bare, accessed, count(more), ratio(with_mask), "yes" if cost.free else "no"])
    yield "where=None beside the bare formula, bytes accessed with the gradient"
    yield from rows(("", "formula", "bytes", "temp +", "masked", "free"), cells)
