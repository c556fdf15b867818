"""Terms that are one number made of the batch: where the batch is split, or looked at per example, they are refused.

The mean of such numbers over the parts of a batch is not that of the whole: it forgets how many examples of each part
count, and what they have to do with those of other parts. A number that depends on the parameters alone is equal in all
parts and welcome. Which of both it is, the program of the losses tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.extend
import numpy as np

from jaxloss._floor.spread import Split
from jaxloss._floor.typing import Array

__all__ = ["require_no_average"]

_COLLECTIVES = ("psum", "psum_invariant", "pmax", "pmin", "all_gather", "all_gather_invariant")
_LOOPS = ("while", "scan", "cond")


def require_no_average(numbers: Callable[[Any], Mapping[str, Array]], given: Any, split: Split) -> None:
    """Raise a ValueError if one of some scalar terms depends on the batch.

    Args:
        numbers: ``numbers(given)`` gives the scalar terms by name.
        given: Pytree of the arguments of the losses beside the parameters. The batch is all arrays in it whose leading
            axis is as long as that of the first one.
        split: How the batch is split.
    """
    leaves, structure = jax.tree.flatten(given)
    sizes = [leaf.shape[0] if isinstance(leaf, jax.Array | np.ndarray) and leaf.ndim else None for leaf in leaves]
    examples = next((size for size in sizes if size is not None), None)
    chosen = [size is not None and size == examples for size in sizes]

    def of_batch(batch: Sequence[Any]) -> Mapping[str, Array]:
        rest = iter(batch)
        joined = [next(rest) if c else leaf for c, leaf in zip(chosen, leaves, strict=True)]
        return numbers(jax.tree.unflatten(structure, joined))

    batch = [leaf for c, leaf in zip(chosen, leaves, strict=True) if c]
    program, shapes = jax.make_jaxpr(of_batch, return_shape=True)(batch)
    # A sum over devices is the same on each of them, but each micro-batch has its own.
    joined = split.axes if split.microbatches == 1 else ()
    reached = _reached(program.jaxpr, [True] * len(batch), joined)
    if averaged := [name for name, found in zip(sorted(shapes), reached, strict=True) if found]:
        raise ValueError(
            f"the terms {averaged} are numbers made of the batch, and here the losses of its examples are needed: a "
            "mean of means would be wrong. Return what the loss gave just as it is, or call it with "
            "reduction=jaxloss.reductions.term to go on computing with it. A loss whose examples meet each other, or a "
            "statistic of the batch, goes into combine.whole_batch(fn, *arrays)."
        )


def _reached(jaxpr: Any, tainted: Sequence[bool], joined: tuple[str, ...]) -> list[bool]:
    """Which results of a program depend on the tainted inputs other than by a collective over all of ``joined``."""
    known = dict(zip(jaxpr.invars, tainted, strict=True))
    look = lambda atom: not isinstance(atom, jax.extend.core.Literal) and known.get(atom, False)
    for equation in jaxpr.eqns:
        incoming = list(map(look, equation.invars))
        name, parameters = equation.primitive.name, equation.params
        inner = next((p for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if (p := parameters.get(k)) is not None), None)
        inner = getattr(inner, "jaxpr", inner)
        axes = parameters.get("axes", parameters.get("axis_name", ()))
        axes = axes if isinstance(axes, tuple) else (axes,)
        if joined and name in _COLLECTIVES and set(joined) <= set(axes):
            outgoing = [False] * len(equation.outvars)
        elif inner is not None and name not in _LOOPS and len(inner.invars) == len(incoming):
            outgoing = _reached(inner, incoming, joined)
        else:
            outgoing = [any(incoming)] * len(equation.outvars)
        known.update(zip(equation.outvars, outgoing, strict=True))
    return list(map(look, jaxpr.outvars))
