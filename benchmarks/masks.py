"""That ``where=None`` costs nothing: the compiled program of a loss beside that of its bare formula."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from benchmarks import peers
from benchmarks.programs import QUANTITIES, Figures, figures
from benchmarks.workloads import Workload

BARE: dict[str, Callable[..., jax.Array]] = {"squared_error": peers.bare_squared_error}
"""A formula by hand where ours is that formula; a loss that computes more carefully than its textbook formula is
compared with its own maths and ``jnp.mean`` in place of its reduction."""

SCALARS = 64
"""Bytes; what does not grow with the batch, such as the two sums of a mean, is not counted as a cost."""


@dataclasses.dataclass
class MaskCost:
    """Compiled figures by quantity with no mask, by the bare formula and with a mask."""

    name: str
    compiler: str
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


def on_host(fn: Callable[..., Any], inputs: Sequence[Any]) -> Figures:
    return figures(jax.jit(lambda *args: fn(*args)).trace(*inputs).lower().compile())


def measure(workload: Workload, compilers: Mapping[str, Callable[..., Figures]]) -> list[MaskCost]:
    """One record for each compiler; from shapes alone, nothing runs."""
    loss = functools.partial(getattr(jaxloss, workload.loss), **workload.hypers)
    inputs = jax.eval_shape(workload.draw)
    mask = jax.ShapeDtypeStruct(workload.batch, jnp.bool_)

    def own_maths(*args: jax.Array) -> jax.Array:
        return loss(*args, reduction=lambda values, _: jnp.mean(values))

    def masked(*args: jax.Array) -> jax.Array:
        return loss(*args[:-1], where=args[-1])

    def both(compile_one: Callable[..., Figures], fn: Callable[..., Any], *extra: Any) -> dict[str, Figures]:
        functions = (fn, jax.value_and_grad(fn, argnums=workload.wrt))
        return {q: compile_one(f, (*inputs, *extra)) for q, f in zip(QUANTITIES, functions, strict=True)}

    bare = BARE.get(workload.loss, own_maths)
    source = "by hand" if workload.loss in BARE else "same maths, jnp.mean"
    return [
        MaskCost(workload.name, name, source, both(call, loss), both(call, bare), both(call, masked, mask))
        for name, call in compilers.items()
    ]
