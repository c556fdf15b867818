"""Results of rows that need all pairs of rows, a chunk of rows at a time, so that the pairs are never held together.

A chunk is computed again for its gradient instead of being kept. This is plain JAX: forward mode and higher
derivatives work, and memory grows with the chunk in every mode.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.closures import as_tree, opened
from jaxloss._floor.typing import Array

__all__ = ["FEWEST", "by_rows", "chunk_rows", "fold_rows"]

PAIRS = 2**22
"""Default number of pairs in a chunk: 16 MiB of float32, which stay on the chip on a TPU; on a CPU, more are slower."""

FEWEST = 128
"""Fewest rows of a default chunk: the matrix units work on as many at a time."""


def chunk_rows(chunk_size: int | None, rows: int, columns: int) -> int:
    """The rows of a chunk, at most all; by default a power of two for `PAIRS` pairs, and all if they have no more.

    All rows, too, of an array whose size is a symbol of `jax.export`.
    """
    chosen = None if chunk_size is None else checks.whole("chunk_size", chunk_size)
    if not (isinstance(rows, int) and isinstance(columns, int)):
        return rows
    if chosen is None:
        chosen = rows if rows * columns <= PAIRS else max(FEWEST, 2 ** math.floor(math.log2(PAIRS / columns)))
    return min(chosen, rows)


def by_rows(block: Callable[[Any, Any], Any], chunk: int, rows: Any, axis: int) -> Any:
    """``block(rows, 0)``, computed for ``chunk`` rows at a time.

    Args:
        block: ``block(some_rows, first)`` gives a pytree of results with one entry for each row along ``axis``.
            ``first`` is the place of its first row among all, int32. What it closes over may be differentiated.
        chunk: The rows of a chunk; those that are left over are a smaller one.
        rows: Pytree of arrays with the rows along ``axis``.
        axis: Counted from the front, so that arrays with and without features can be mixed.
    """

    def results_only(carry: tuple[()], rows: Any, first: Any) -> tuple[tuple[()], Any]:
        return carry, block(rows, first)

    return fold_rows(results_only, chunk, rows, axis, ())[1]


def fold_rows(
    block: Callable[[Any, Any, Any], tuple[Any, Any]], chunk: int, rows: Any, axis: int, start: Any
) -> tuple[Any, Any]:
    """`by_rows` with something that a chunk hands on to the next one, such as a sum over all rows.

    Args:
        block: ``block(carry, some_rows, first)`` gives the next carry and the results.
        chunk, rows, axis: As for `by_rows`.
        start: The first carry.

    Returns:
        The last carry and the results of all rows.
    """
    return _folded(as_tree(block), rows, start, chunk, axis)


@functools.partial(jax.jit, static_argnames=("chunk", "axis"))
def _folded(tree: Any, rows: Any, start: Any, chunk: int, axis: int) -> tuple[Any, Any]:
    block, size = opened(tree), jax.tree.leaves(rows)[0].shape[axis]
    if not isinstance(size, int) or chunk >= size:
        return block(start, rows, jnp.int32(0))
    part = jax.checkpoint(block, prevent_cse=False)
    done = size - size % chunk

    def cut(start: int, stop: int) -> Any:
        return jax.tree.map(lambda x: jax.lax.slice_in_dim(x, start, stop, axis=axis), rows)

    def split(x: Array) -> Array:
        return jnp.moveaxis(x.reshape(*x.shape[:axis], done // chunk, chunk, *x.shape[axis + 1 :]), axis, 0)

    def join(x: Array) -> Array:
        x = jnp.moveaxis(x, 0, axis)
        return x.reshape(*x.shape[:axis], done, *x.shape[axis + 2 :])

    def step(state: tuple[Any, Array], some: Any) -> tuple[tuple[Any, Array], Any]:
        carry, first = state
        carry, results = part(carry, some, first)
        return (carry, first + jnp.int32(chunk)), results

    (carry, first), results = jax.lax.scan(step, (start, jnp.int32(0)), jax.tree.map(split, cut(0, done)))
    results = jax.tree.map(join, results)
    if done == size:
        return carry, results
    carry, rest = part(carry, cut(done, size), first)
    return carry, jax.tree.map(lambda x, y: jnp.concatenate([x, y], axis=axis), results, rest)
