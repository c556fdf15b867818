"""The Hungarian algorithm as one JAX program for a batch of tables: shortest augmenting paths, row by row.

A loop over a batch of tables goes on until the last of them is done, and every step costs as much as the first. An
accelerator has the width for it. A CPU takes the tables one after the other, each with its own number of steps. Which
of the two it is, is chosen where the program is lowered; the axes of ``vmap`` are made part of the batch before.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array

__all__ = ["assign"]


class _Search(NamedTuple):
    """A search for the cheapest path from a free row to a free column, over the columns reached so far.

    Column 0 stands for the start; the others are numbered from 1, rows from 0.
    """

    column: Array
    """The column reached last, ``[B]``."""
    reached: Array
    cheapest: Array
    """For every column the reduced cost of the cheapest edge from a reached one, less what was paid."""
    came_from: Array
    row_price: Array
    column_price: Array


@jax.jit  # outside of a jitted program, a loop would be compiled anew at every call
def assign(costs: Array) -> Array:
    """For every row of finite ``costs``, ``[B, M, N]`` with M <= N, a column of its own, at the least total cost."""
    return _assign(costs)


@jax.custom_batching.custom_vmap
def _assign(costs: Array) -> Array:
    return jax.lax.platform_dependent(costs, cpu=_one_by_one, default=_side_by_side)


@_assign.def_vmap
def _assign_more(_size: int, _batched: list[bool], costs: Array) -> tuple[Array, bool]:
    lead, table = costs.shape[:2], costs.shape[2:]
    return _assign(costs.reshape(-1, *table)).reshape(*lead, table[0]), True


def _one_by_one(costs: Array) -> Array:
    return jax.lax.map(lambda table: _side_by_side(table[None])[0], costs)


def _side_by_side(costs: Array) -> Array:
    batch, num_rows, num_columns = costs.shape
    free = jnp.full((batch, num_columns + 1), -1, jnp.int32)
    prices = jnp.zeros((batch, num_rows), costs.dtype), jnp.zeros((batch, num_columns + 1), costs.dtype)
    start = vary_over((free, *prices), varying_axes(costs))

    def add_row(row: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        owner, row_price, column_price = state
        owner = owner.at[:, 0].set(row)
        found = _search(costs, owner, row_price, column_price)
        return _shift(owner, found), found.row_price, found.column_price

    owner, _, _ = jax.lax.fori_loop(0, num_rows, add_row, start)
    columns = jnp.broadcast_to(jnp.arange(num_columns, dtype=jnp.int32), (batch, num_columns))
    # Free columns write to the row after the last, which is dropped.
    rows = jnp.where(owner[:, 1:] >= 0, owner[:, 1:], num_rows)
    return jnp.zeros((batch, num_rows), jnp.int32).at[_lines(costs), rows].set(columns, mode="drop")


def _lines(costs: Array) -> Array:
    return jnp.arange(costs.shape[0], dtype=jnp.int32)[:, None]


def _pick(table: Array, index: Array) -> Array:
    """The entry ``index`` of each line."""
    return jnp.take_along_axis(table, index[:, None], axis=1)[:, 0]


def _search(costs: Array, owner: Array, row_price: Array, column_price: Array) -> _Search:
    infinity, zero = jnp.asarray(jnp.inf, costs.dtype), jnp.zeros((), costs.dtype)

    def widen(s: _Search) -> _Search:
        row = _pick(owner, s.column)
        active, row = row >= 0, jnp.maximum(row, 0)
        here = jnp.arange(owner.shape[1], dtype=jnp.int32)[None, :] == s.column[:, None]
        reached = s.reached | (here & active[:, None])
        own = jnp.take_along_axis(costs, row[:, None, None], axis=1)[:, 0] - _pick(s.row_price, row)[:, None]
        edge = jnp.pad(own, ((0, 0), (1, 0)), constant_values=jnp.inf) - s.column_price
        better = active[:, None] & ~reached & (edge < s.cheapest)
        cheapest = jnp.where(better, edge, s.cheapest)
        column = jnp.argmin(jnp.where(reached, infinity, cheapest), axis=1).astype(jnp.int32)
        step = jnp.where(active, _pick(cheapest, column), zero)[:, None]
        paid = jnp.where(reached, step, zero)
        rows = jnp.where(reached, owner, costs.shape[1])
        return _Search(
            column=jnp.where(active, column, s.column),
            reached=reached,
            cheapest=jnp.where(reached, cheapest, cheapest - step),
            came_from=jnp.where(better, s.column[:, None], s.came_from),
            row_price=s.row_price.at[_lines(costs), rows].add(paid, mode="drop"),
            column_price=s.column_price - paid,
        )

    start = _Search(
        column=jnp.zeros(owner.shape[0], jnp.int32),
        reached=jnp.zeros(owner.shape, bool),
        cheapest=jnp.full(owner.shape, infinity),
        came_from=jnp.zeros(owner.shape, jnp.int32),
        row_price=row_price,
        column_price=column_price,
    )
    start = vary_over(start, varying_axes(costs))
    return jax.lax.while_loop(lambda s: jnp.any(_pick(owner, s.column) >= 0), widen, start)


def _shift(owner: Array, found: _Search) -> Array:
    """Hand every column of the path to the row of the column before it; column 0 is its own predecessor."""

    def hand_on(state: tuple[Array, Array]) -> tuple[Array, Array]:
        owner, column = state
        before = _pick(found.came_from, column)
        return owner.at[_lines(owner), column[:, None]].set(_pick(owner, before)[:, None]), before

    return jax.lax.while_loop(lambda state: jnp.any(state[1] > 0), hand_on, (owner, found.column))[0]
