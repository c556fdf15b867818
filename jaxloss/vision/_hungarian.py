"""The Hungarian algorithm as one JAX program: shortest augmenting paths, row by row."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._typing import Array

__all__ = ["assign"]


class _Search(NamedTuple):
    """A search for the cheapest path from a free row to a free column, over the columns reached so far.

    Column 0 stands for the start; the others are numbered from 1, rows from 0.
    """

    column: Array
    """The column reached last."""
    reached: Array
    cheapest: Array
    """For every column the reduced cost of the cheapest edge from a reached one, less what was paid."""
    came_from: Array
    row_price: Array
    column_price: Array


@jax.jit  # outside of a jitted program, a loop would be compiled anew at every call
def assign(costs: Array) -> Array:
    """For every row of finite ``costs``, ``[B, M, N]`` with M <= N, a column of its own, at the least total cost."""
    return jax.vmap(_assign)(costs)


def _assign(costs: Array) -> Array:
    num_rows, num_columns = costs.shape
    free = jnp.full(num_columns + 1, -1, jnp.int32)
    prices = jnp.zeros(num_rows, costs.dtype), jnp.zeros(num_columns + 1, costs.dtype)

    def add_row(row: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        owner, row_price, column_price = state
        owner = owner.at[0].set(row)
        found = _search(costs, owner, row_price, column_price)
        return _shift(owner, found), found.row_price, found.column_price

    owner, _, _ = jax.lax.fori_loop(0, num_rows, add_row, (free, *prices))
    columns = jnp.arange(num_columns, dtype=jnp.int32)
    # Free columns write to the row after the last, which is dropped.
    rows = jnp.where(owner[1:] >= 0, owner[1:], num_rows)
    return jnp.zeros(num_rows, jnp.int32).at[rows].set(columns, mode="drop")


def _search(costs: Array, owner: Array, row_price: Array, column_price: Array) -> _Search:
    infinity = jnp.asarray(jnp.inf, costs.dtype)

    def widen(s: _Search) -> _Search:
        row = owner[s.column]
        reached = s.reached.at[s.column].set(True)
        edge = jnp.concatenate([infinity[None], costs[row] - s.row_price[row]]) - s.column_price
        better = ~reached & (edge < s.cheapest)
        cheapest = jnp.where(better, edge, s.cheapest)
        column = jnp.argmin(jnp.where(reached, infinity, cheapest)).astype(jnp.int32)
        step = cheapest[column]
        paid = jnp.where(reached, step, jnp.zeros((), step.dtype))
        return _Search(
            column=column,
            reached=reached,
            cheapest=jnp.where(reached, cheapest, cheapest - step),
            came_from=jnp.where(better, s.column, s.came_from),
            row_price=s.row_price.at[jnp.where(reached, owner, costs.shape[0])].add(paid, mode="drop"),
            column_price=s.column_price - paid,
        )

    start = _Search(
        column=jnp.zeros((), jnp.int32),
        reached=jnp.zeros(owner.shape, bool),
        cheapest=jnp.full(owner.shape, infinity),
        came_from=jnp.zeros(owner.shape, jnp.int32),
        row_price=row_price,
        column_price=column_price,
    )
    return jax.lax.while_loop(lambda s: owner[s.column] >= 0, widen, start)


def _shift(owner: Array, found: _Search) -> Array:
    """Hand every column of the path to the row of the column before it."""

    def hand_on(state: tuple[Array, Array]) -> tuple[Array, Array]:
        owner, column = state
        before = found.came_from[column]
        return owner.at[column].set(owner[before]), before

    return jax.lax.while_loop(lambda state: state[1] > 0, hand_on, (owner, found.column))[0]
