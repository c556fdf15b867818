"""Contrast of two matched sets by their cosines, a chunk of rows at a time.

For both directions the products are made once: the log-sum over a row is complete with its chunk, and that over a
column is carried from chunk to chunk beside its largest exponent.

The rule of differentiation is written out to say what is made where. The gradient of the rows of ``x`` is complete with
a chunk. That of the directions of ``y`` is a sum over chunks, to which the products of a row and its own counterpart
are added in the end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.chunks import fold_rows
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array, Scalar
from jaxloss.representation._groups import present, working_dtype
from jaxloss.representation.contrast._directions import Directed, directed, direction, products
from jaxloss.representation.contrast._off_diagonal import (
    level_of,
    log_of_total,
    log_sum_of_strangers,
    slope_of_log_sum,
    total_of_strangers,
)

__all__ = ["Sets", "of_cosines", "sets_of"]

Rows = Callable[..., Array]


class _Plan(NamedTuple):
    of_logits: Rows
    both_ways: bool
    chunk: int


class Sets(NamedTuple):
    """Rows, the others and their directions, the temperature, and numbers that go with the logits."""

    some: Directed
    others: Directed
    known: Array
    tau: Array
    more: tuple[Array, ...]

    def logits(self, mine: Array, some: Directed, known: Array) -> Array:
        """Of rows whose directions over the temperature are ``mine``, with all others, whose directions are ``known``.

        Of both only the tangents are taken.
        """
        return products(mine, known, some._replace(inverse=some.inverse / self.tau), self.others)


def sets_of(x: Array, y: Array, tau: Scalar, *more: Array) -> Sets:
    """Two sets ``[..., N, D]``, not normalised."""
    dtype = working_dtype(x, y)
    some, others = directed(x, dtype), directed(y, dtype)
    return Sets(some, others, direction(others), jnp.asarray(tau, dtype), more)


def of_cosines(
    of_logits: Rows,
    x: Array,
    y: Array,
    tau: Scalar,
    keep: Array | None,
    chunk: int,
    *more: Array,
    both_ways: bool = False,
) -> tuple[Array, Array, Array]:
    """What the rows of two sets make of their logits, which are cosines over ``tau``.

    Args:
        of_logits: ``of_logits(logits, first, *more)`` ``[..., rows]`` of logits ``[..., rows, N]``, -inf for absentees,
            where ``first`` is the place of the first row.
        x, y: Shape ``[..., N, D]``, not normalised.
        tau: The temperature.
        keep: Which rows of both are kept, ``[..., N]``; None if all are.
        chunk: Rows of ``x`` per chunk.
        *more: Numbers that may be differentiated.
        both_ways: Whether to sum over columns.

    Returns:
        What ``of_logits`` gives, the logit of each row with its own counterpart, and, if asked for, the log-sum of the
        strangers of each column, else 0; each ``[..., N]``.
    """
    sets = sets_of(x, y, tau, *more)
    return _of_cosines(_Plan(of_logits, both_ways, chunk), sets, keep)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _of_cosines(plan: _Plan, sets: Sets, keep: Array | None) -> tuple[Array, Array, Array]:
    def block(carry: tuple[Array, Array], rows: Any, first: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        some, counterparts, kept = rows
        mine = direction(some) / sets.tau
        logits = present(sets.logits(mine, some, sets.known), kept, keep)
        results = plan.of_logits(logits, first, *sets.more), jnp.sum(mine * direction(counterparts), axis=-1)
        return _with_columns(carry, logits, first) if plan.both_ways else carry, results

    start = tuple(_filled(fill, sets) for fill in (-jnp.inf, 0))
    rows = sets.some, sets.others, keep
    (peak, total), (values, own) = fold_rows(block, plan.chunk, rows, sets.known.ndim - 2, start)
    return values, own, log_of_total(level_of(peak), total) if plan.both_ways else total


@_of_cosines.defjvp
def _of_cosines_jvp(
    plan: _Plan, primals: tuple[Sets, Any], tangents: tuple[Sets, Any]
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    (sets, keep), (dot, _) = primals, tangents
    values, own, back = _of_cosines(plan, sets, keep)

    def block(total: Array, rows: Any, first: Array) -> tuple[Array, tuple[Array, Array]]:
        some, some_dot, counterparts, values, kept = rows
        mine, mine_dot = jax.jvp(lambda x, tau: direction(x) / tau, (some, sets.tau), (some_dot, dot.tau))
        of_pairs = lambda mine, known: sets.logits(mine, some, known)
        logits, slope = jax.jvp(of_pairs, (mine, sets.known), (mine_dot, dot.known))
        logits = present(logits, kept, keep)
        values_dot = _slope_of_rows(plan, (sets, dot), logits, values, slope, first)
        if plan.both_ways:
            total = total + slope_of_log_sum(logits, back, slope, first, -2)
        return total, (values_dot, jnp.sum(mine_dot * direction(counterparts), axis=-1))

    rows = sets.some, dot.some, sets.others, values, keep
    back_dot, (values_dot, own_dot) = fold_rows(block, plan.chunk, rows, sets.known.ndim - 2, _filled(0, sets, dot))
    own_dot = own_dot + jnp.sum(direction(sets.some) / sets.tau * dot.known, axis=-1)
    return (values, own, back), (values_dot, own_dot, back_dot)


def _slope_of_rows(
    plan: _Plan, sets: tuple[Sets, Sets], logits: Array, values: Array, slope: Array, first: Array
) -> Array:
    """The tangent of ``values`` by that of the logits and of the numbers that go with them."""
    if plan.of_logits is log_sum_of_strangers:  # with its value, which is not to be summed up again
        return slope_of_log_sum(logits, values, slope, first, -1)
    (more, more_dot), of_rows = (some.more for some in sets), plan.of_logits
    return jax.jvp(lambda logits, *more: of_rows(logits, first, *more), (logits, *more), (slope, *more_dot))[1]


def _with_columns(carry: tuple[Array, Array], logits: Array, first: Array) -> tuple[Array, Array]:
    """Largest exponents and totals of strangers of the columns, with some more rows."""
    before, total = carry
    peak = jnp.maximum(before, jnp.max(jax.lax.stop_gradient(logits), axis=-2))
    level = level_of(peak)
    return peak, total * jnp.exp(before - level) + total_of_strangers(logits, level, first, -2)


def _filled(fill: float, sets: Sets, *more: Sets) -> Array:
    """A number for each column to start with, typed as differing over the devices that the sets differ over."""
    axes = {axis for leaf in jax.tree.leaves((sets, more)) for axis in varying_axes(leaf)}
    return vary_over(jnp.full(sets.known.shape[:-1], fill, sets.known.dtype), tuple(sorted(axes)))
