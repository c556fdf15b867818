"""Values and gradients of groups of terms over a batch that is split over devices and micro-batches.

The losses are evaluated part by part. The terms of all parts are exchanged, the transformations run on the whole batch,
and the derivative of every group's sum by every per-example loss goes back through the parts: one forward trace, one
transposition for each group. Any function of the whole batch, such as a quantile or a product of means, thus has the
same gradient as on one device in one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over
from jaxloss._floor.typing import Array
from jaxloss.combine._engine.batches import split
from jaxloss.combine._engine.exchange import Cotangents, Pulled, exchange, slopes_of
from jaxloss.combine._engine.leaves import Leaves, wide
from jaxloss.combine.structure.terms import Notes, Parts, Terms, WholeBatch
from jaxloss.reductions import Term

__all__ = ["Backward", "Heads", "Spread", "run"]


class Spread(NamedTuple):
    """How the batch is split.

    Attributes:
        axes: The mesh axes that it is sharded over.
        microbatches: The number of parts of each shard.
        sharded: For each differentiated leaf, the axes that it is itself sharded over.
    """

    axes: tuple[str, ...]
    microbatches: int
    sharded: Sequence[tuple[str, ...]]


class Heads(NamedTuple):
    """The means of the transformed terms of the whole batch, their sum for each group, and the next state."""

    sums: dict[str, Array]
    means: dict[str, Array]
    state: Any


class Backward(NamedTuple):
    """What `run` gives.

    Attributes:
        terms: The raw terms of the whole batch.
        heads: What the transformations made of them.
        cotangents: For each group the derivative of its sum by the values of the terms that it depends on.
        rows: For each group the gradient of its sum, a list of leaves.
        extra: What the losses returned beside the terms; stacked over micro-batches.
    """

    terms: Terms
    heads: Heads
    cotangents: list[Cotangents]
    rows: list[list[Array]]
    extra: Any


def run(
    losses: Callable[..., tuple[Parts, Notes, Any]],
    heads: Callable[[Terms, Notes], Heads],
    params: Leaves,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    spread: Spread,
) -> Backward:
    """Evaluate ``losses(params, *args, **kwargs)`` part by part, and differentiate the sum of every group."""
    at = [jax.lax.stop_gradient(leaf) for leaf in params.floating]
    shared = [tuple(a for a in spread.axes if a not in own) for own in spread.sharded]
    at = [vary_over(leaf, axes) for leaf, axes in zip(at, shared, strict=True)]

    def local(floating: list[Array], *args: Any, **kwargs: Any) -> tuple[Parts, tuple[Notes, Any]]:
        given = params.rebuild(floating)
        before = list(map(id, jax.tree.leaves(given)))
        terms, *rest = losses(given, *args, **kwargs)
        if list(map(id, jax.tree.leaves(given))) != before:
            raise TypeError(
                "losses() changed its first argument in place, which would be lost here (a random counter, batch "
                "statistics?). Work on a copy and return the new state with has_aux=True."
            )
        return terms, (rest[0], rest[1])

    run_parts = _in_one_piece if spread.microbatches == 1 else _in_parts
    terms, found, cotangents, rows, extra = run_parts(local, heads, at, args, kwargs, spread)
    rows = [
        [jax.lax.psum(leaf, axes) if axes else leaf for leaf, axes in zip(row, shared, strict=True)] for row in rows
    ]
    return Backward(terms, found, cotangents, rows, extra)


Found = tuple[Terms, Heads, list[Cotangents], list[list[Array]], Any]


def _in_one_piece(local: Any, heads: Any, at: list[Array], args: Any, kwargs: Any, spread: Spread) -> Found:
    terms, linear, (notes, extra) = jax.linearize(lambda p: local(p, *args, **kwargs), at, has_aux=True)
    whole, notes, scatter = exchange(terms, notes, spread.axes, 1)
    cotangents, found = _cotangents(lambda t: heads(t, notes), whole)
    return whole, found, cotangents, _transposed(linear, at, list(map(scatter, cotangents)), spread.axes), extra


def _in_parts(local: Any, heads: Any, at: list[Array], args: Any, kwargs: Any, spread: Spread) -> Found:
    """Micro-batches: a first pass for the values that the transformations need, a second for the gradients.

    If neither the transformations nor a function of the whole batch need values, as with fixed weights, only masks
    remain of the first pass: the compiler removes the rest of it.
    """
    parts, arguments = split(args, kwargs, spread.microbatches)

    def one(floating: list[Array], part: Any) -> tuple[Parts, tuple[Notes, Any]]:
        own_args, own_kwargs = arguments(part)
        return local(floating, *own_args, **own_kwargs)

    def values(part: Any) -> tuple[Parts, Notes]:
        terms, (notes, _) = one(at, part)
        return terms, notes

    terms, notes = jax.lax.map(values, parts)
    whole, notes, scatter = exchange(terms, notes, spread.axes, spread.microbatches)
    cotangents, found = _cotangents(lambda t: heads(t, notes), whole)

    def body(total: list[list[Array]], xs: Any) -> tuple[list[list[Array]], Any]:
        part, own = xs
        terms, linear, (_, extra) = jax.linearize(lambda p: one(p, part), at, has_aux=True)
        rows = _transposed(linear, at, own, spread.axes)
        return jax.tree.map(lambda sum_, row: sum_ + wide(row), total, rows), (terms, extra)

    start = [[jnp.zeros_like(wide(leaf)) for leaf in at] for _ in cotangents]
    rows, (again, extra) = jax.lax.scan(body, start, (parts, list(map(scatter, cotangents))))
    if not any(isinstance(term, WholeBatch) for term in terms.values()):
        # The values once more, from the pass that stays.
        whole, _, _ = exchange(again, {}, spread.axes, spread.microbatches)
        found = heads(whole, notes)
    return whole, found, cotangents, rows, extra


def _cotangents(heads: Callable[[Terms], Heads], terms: Terms) -> tuple[list[Cotangents], Heads]:
    """For each group, the derivative of its sum by the values of each term that it depends on; and the heads."""
    values = {name: term.values for name, term in terms.items()}

    def fn(given: dict[str, Array]) -> tuple[dict[str, Array], Heads]:
        found = heads({name: Term(given[name], terms[name].weights) for name in given})
        return found.sums, found

    primal, pull, found = jax.vjp(fn, values, has_aux=True)
    needed = _dependencies(lambda given: fn(given)[0], values)
    cotangents = []
    for group in primal:
        (cotangent,) = pull({name: jnp.full_like(value, float(name == group)) for name, value in primal.items()})
        cotangents.append({name: cotangent[name] for name in sorted(needed[group])})
    return cotangents, found


def _dependencies(sums: Callable[..., dict[str, Array]], values: dict[str, Array]) -> dict[str, set[str]]:
    """For each group, the terms that its derivative can depend on according to the structure of the program."""
    _, linear = jax.linearize(sums, values)
    program, shape = jax.make_jaxpr(linear, return_shape=True)(values)
    reach: dict[Any, set[str]] = {v: {name} for v, name in zip(program.jaxpr.invars, sorted(values), strict=True)}
    look = lambda atom: set() if isinstance(atom, jax.extend.core.Literal) else reach.get(atom, set())
    for equation in program.jaxpr.eqns:
        reach.update(dict.fromkeys(equation.outvars, set().union(*map(look, equation.invars))))
    return {group: look(v) for group, v in zip(sorted(shape), program.jaxpr.outvars, strict=True)}


def _transposed(
    linear: Callable[[list[Array]], Parts], at: list[Array], cotangents: list[Pulled], axes: tuple[str, ...]
) -> list[list[Array]]:
    """One gradient for each group; only the terms that it depends on are transposed."""
    one = vary_over(jnp.ones((), jnp.float32), axes)

    def row(cotangent: Pulled) -> list[Array]:
        def along(tangent: list[Array]) -> Array:
            terms = linear(tangent)
            pairs = [(c, x) for n, own in cotangent.items() for c, x in zip(own, slopes_of(terms[n]), strict=True)]
            return sum((jnp.sum(c * x).astype(one.dtype) for c, x in pairs), start=0 * one)

        return jax.linear_transpose(along, at)(one)[0]

    return [row(c) if c and at else [jnp.zeros_like(leaf) for leaf in at] for c in cotangents]
