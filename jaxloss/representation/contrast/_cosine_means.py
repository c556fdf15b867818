"""The mean of what the rows of two matched sets have against each other, with its gradient made in the same pass.

The gradient of a row's loss needs the products of that row with all others, as the loss does. A chunk would make them
twice, once for each: but how much a row counts in a mean is known before, so that a chunk makes its part of the
gradient while it has them. What is kept for the backward pass is the gradient, as large as the rows themselves and in
their dtype: in forward mode, too, the slopes of bfloat16 rows are rounded to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor import checks
from jaxloss._floor.chunks import fold_rows
from jaxloss._floor.means.notes import notes_are_taken
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.representation._groups import present
from jaxloss.representation.contrast._cosines import Sets, sets_of
from jaxloss.representation.contrast._directions import Directed, direction

__all__ = ["is_made_at_once", "mean_of_cosines"]


class _Plan(NamedTuple):
    of_rows: Callable[..., Array]
    reduction: Reduction
    chunk: int


class _Counted(NamedTuple):
    """Which rows of both sets are kept and how much they count, ``[..., N]``; None if all, and all the same."""

    keep: Array | None
    weights: Array | None


def is_made_at_once(reduction: Reduction) -> bool:
    """Whether `mean_of_cosines` takes this reduction: nobody may ask for the losses of the rows."""
    return reduction in ("mean", "sum") and not notes_are_taken()


def mean_of_cosines(
    of_rows: Callable[..., Array],
    x: Array,
    y: Array,
    tau: Scalar,
    keep: Array | None,
    weights: ArrayLike | None,
    reduction: Reduction,
    chunk: int,
    *more: Array,
) -> Array:
    """The mean or the sum of what the rows of two sets make of their logits, which are cosines over ``tau``.

    Args:
        of_rows: ``of_rows(logits, own, first, *more)`` ``[..., rows]`` of logits ``[..., rows, N]``, -inf for
            absentees, of the logit of each row with its own counterpart, and of the place of the first row.
        x, y: Shape ``[..., N, D]``, not normalised.
        tau: The temperature.
        keep: Which rows of both are kept, ``[..., N]``; None if all are.
        weights: As for `jaxloss.reduce`.
        reduction: ``"mean"`` or ``"sum"``.
        chunk: Rows of ``x`` per chunk.
        *more: Numbers that may be differentiated.
    """
    sets = sets_of(x, y, tau, *more)
    dtype = sets.known.dtype
    counted = _Counted(keep, None if weights is None else checks.example_weights(weights, x.shape[:-1], dtype))
    axes = {axis for leaf in jax.tree.leaves((sets, counted)) for axis in varying_axes(leaf)}
    return _mean(_Plan(of_rows, reduction, chunk), *vary_over((sets, counted), tuple(sorted(axes))))


def _reduced(plan: _Plan, values: Array, counted: _Counted) -> Array:
    return reduce(values, where=counted.keep, weights=counted.weights, reduction=plan.reduction)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean(plan: _Plan, sets: Sets, counted: _Counted) -> Array:
    def block(carry: tuple[()], rows: Any, first: Array) -> tuple[tuple[()], Array]:
        return carry, _of_chunk(plan, sets, counted.keep, first, *rows)[0]

    rows = sets.some, sets.others, counted.keep
    return _reduced(plan, fold_rows(block, plan.chunk, rows, sets.known.ndim - 2, ())[1], counted)


def _mean_jvp(plan: _Plan, primals: tuple[Sets, _Counted], tangents: tuple[Sets, _Counted]) -> tuple[Array, Array]:
    (sets, counted), (dot, counted_dot) = primals, tangents
    # The mean is linear in the losses of the rows.
    shares = jax.grad(_reduced, 1)(plan, jnp.zeros_like(sets.known[..., 0]), counted)

    def block(total: Any, rows: Any, first: Array) -> tuple[Any, tuple[Array, Array, Array]]:
        share, *rows = rows
        values, pull = _of_chunk(plan, sets, counted.keep, first, *rows)
        # First the losses, then the gradient, which takes the place of the logits.
        values, share = jax.lax.optimization_barrier((values, share))
        of_some, of_own, *of_all = pull(share)
        return jax.tree.map(jnp.add, total, tuple(of_all)), (values, of_some, of_own)

    rows = shares, sets.some, sets.others, counted.keep
    start = jax.tree.map(jnp.zeros_like, (sets.known, sets.tau, sets.more))
    (known, *numbers), (values, some, own) = fold_rows(block, plan.chunk, rows, sets.known.ndim - 2, start)
    known = known + direction(sets.some) / sets.tau * own[..., None]
    slopes, dots = (some, known, *numbers), (dot.some.rows, dot.known, dot.tau, dot.more)
    pairs = list(zip(*map(jax.tree.leaves, (slopes, dots)), strict=True))
    if counted.weights is not None:
        of_weights = jax.grad(lambda weights: _reduced(plan, values, counted._replace(weights=weights)))
        pairs.append((of_weights(counted.weights), counted_dot.weights))
    # What is not differentiated is left out, and with it the products of its gradient.
    dtype = values.dtype
    moved = [
        jnp.sum(slope.astype(dtype) * dot.astype(dtype)) for slope, dot in pairs if not isinstance(dot, SymbolicZero)
    ]
    return _reduced(plan, values, counted), sum(moved, jnp.zeros((), dtype))


_mean.defjvp(_mean_jvp, symbolic_zeros=True)


def _of_chunk(
    plan: _Plan, sets: Sets, keep: Array | None, first: Array, some: Directed, theirs: Directed, kept: Array | None
) -> tuple[Array, Callable[[Array], tuple[Any, ...]]]:
    """The losses of a chunk of rows, and what gives the gradient by rows, their own logits, directions and numbers."""

    def values(rows: Array, more_own: Array, known: Array, tau: Array, more: tuple[Array, ...]) -> Array:
        mine = direction(some._replace(rows=rows)) / tau
        logits = present(sets.logits(mine, some, known), kept, keep)
        return plan.of_rows(logits, jnp.sum(mine * direction(theirs), axis=-1) + more_own, first, *more)

    return jax.vjp(values, some.rows, jnp.zeros_like(some.inverse[..., 0]), sets.known, sets.tau, sets.more)
