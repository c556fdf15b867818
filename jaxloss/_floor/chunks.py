"""Results of rows that need all pairs of rows, a chunk of rows at a time, so that the pairs are never held together.

A chunk is computed again for its gradient instead of being kept. This is plain JAX: forward mode and higher
derivatives work, and memory grows with the chunk in every mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array

__all__ = ["by_rows", "chunk_rows"]

PAIRS = 2**23
"""Default number of pairs in a chunk: 32 MiB of float32, which stay on the chip on a TPU."""

FEWEST = 128
"""Fewest rows of a default chunk: the matrix units work on as many at a time."""


def chunk_rows(chunk_size: int | None, rows: int, columns: int) -> int:
    """The rows of a chunk; by default a power of two for `PAIRS` pairs, and all rows if they have no more.

    All rows, too, of an array whose size is a symbol of `jax.export`.
    """
    if chunk_size is not None:
        return checks.whole("chunk_size", chunk_size)
    if not (isinstance(rows, int) and isinstance(columns, int)) or rows * columns <= PAIRS:
        return rows
    return max(FEWEST, 2 ** math.floor(math.log2(PAIRS / columns)))


def by_rows(block: Callable[[Any, Any], Any], chunk: int, rows: Any, axis: int) -> Any:
    """``block(rows, 0)``, computed for ``chunk`` rows at a time.

    Args:
        block: ``block(some_rows, first)`` gives a pytree of results with one entry for each row along ``axis``.
            ``first`` is the place of its first row among all, int32. What it closes over may be differentiated.
        chunk: The rows of a chunk; those that are left over are a smaller one.
        rows: Pytree of arrays with the rows along ``axis``.
        axis: Counted from the front, so that arrays with and without features can be mixed.
    """
    size = jax.tree.leaves(rows)[0].shape[axis]
    if not isinstance(size, int) or chunk >= size:
        return block(rows, jnp.int32(0))
    part = jax.checkpoint(block, prevent_cse=False)
    done = size - size % chunk

    def cut(start: int, stop: int) -> Any:
        return jax.tree.map(lambda x: jax.lax.slice_in_dim(x, start, stop, axis=axis), rows)

    def split(x: Array) -> Array:
        return jnp.moveaxis(x.reshape(*x.shape[:axis], done // chunk, chunk, *x.shape[axis + 1 :]), axis, 0)

    def join(x: Array) -> Array:
        x = jnp.moveaxis(x, 0, axis)
        return x.reshape(*x.shape[:axis], done, *x.shape[axis + 2 :])

    def step(first: Array, some: Any) -> tuple[Array, Any]:
        return first + jnp.int32(chunk), part(some, first)

    first, results = jax.lax.scan(step, jnp.int32(0), jax.tree.map(split, cut(0, done)))
    results = jax.tree.map(join, results)
    if done == size:
        return results
    rest = part(cut(done, size), first)
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y], axis=axis), results, rest)
