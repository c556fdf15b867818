"""Stacked gradients: pytrees whose leaves have a leading axis of rows; and random keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.mesh import varying_axes
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import working_dtype

__all__ = [
    "Axes",
    "Key",
    "as_key",
    "combine_rows",
    "max_over_devices",
    "present_rows",
    "products",
    "row_leaves",
    "scaling_exponent",
    "shard_axes",
    "sum_over_devices",
]

Axes = tuple[str, ...]

Key = Array | int
"""A random key, or the seed of one."""


def row_leaves(rows: Any) -> list[Array]:
    """The leaves in the working dtype; a ValueError unless all have the same number of rows."""
    leaves = promote(*checks.floating(**{f"rows{jax.tree_util.keystr(p)}": x for p, x in _paths(rows)}))
    dtype = working_dtype(leaves)
    counts = {leaf.shape[:1] for leaf in leaves}
    if len(counts) != 1 or () in counts:
        raise ValueError(f"rows must be arrays with one leading axis of gradients; found {[x.shape for x in leaves]}.")
    return [leaf.astype(dtype) for leaf in leaves]


def _paths(rows: Any) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_flatten_with_path(rows)[0]


def shard_axes(leaves: Sequence[Array], sharded: Sequence[Axes] | None) -> list[Axes]:
    """For each leaf the mesh axes that it is sharded over: those in its type, and those given."""
    typed = [varying_axes(leaf) for leaf in leaves]
    return typed if sharded is None else [tuple(dict.fromkeys((*a, *b))) for a, b in zip(typed, sharded, strict=True)]


def sum_over_devices(value: Array, axes: Axes) -> Array:
    return jax.lax.psum(value, axes) if axes else value


def max_over_devices(value: Array, axes: Axes) -> Array:
    return jax.lax.pmax(value, axes) if axes else value


def products(leaves: Sequence[Array], axes: Sequence[Axes]) -> Array:
    """The Gram matrix: inner products of the rows, over all leaves and the devices that share them."""

    def one(leaf: Array, own: Axes) -> Array:
        trailing = list(range(1, leaf.ndim))
        gram = jnp.tensordot(leaf, leaf, axes=(trailing, trailing), precision="highest")
        return sum_over_devices(gram, own)

    return jnp.sum(jnp.stack([one(leaf, own) for leaf, own in zip(leaves, axes, strict=True)]), axis=0)


def present_rows(rows: Any, present: Array) -> Any:
    """The rows, with zeros in place of absent ones, whatever values those hold."""

    def one(leaf: Array) -> Array:
        shown = jnp.reshape(present, (-1,) + (1,) * (leaf.ndim - 1))
        return jnp.where(shown, leaf, jnp.zeros((), leaf.dtype))

    return jax.tree.map(one, rows)


def combine_rows(weights: Array, rows: Any) -> Any:
    """The weighted sum of the rows, in the dtypes of the rows."""

    def one(leaf: Array) -> Array:
        summed = jnp.tensordot(weights, leaf.astype(weights.dtype), axes=1, precision="highest")
        return summed.astype(leaf.dtype)

    return jax.tree.map(one, rows)


def scaling_exponent(leaves: Sequence[Array], axes: Sequence[Axes]) -> Array:
    """The exponent of the power of two to divide by so that squares neither overflow nor underflow; 0 if not needed."""
    peaks = [jnp.max(jnp.abs(leaf), initial=0) for leaf in leaves]
    largest = [max_over_devices(peak, own) for peak, own in zip(peaks, axes, strict=True)]
    _, exponent = jnp.frexp(jnp.max(jnp.stack(largest)))
    return jnp.maximum(exponent, -1000) - jnp.clip(exponent, -30, 40)


def as_key(key: Key) -> Array:
    """The key itself, or the key of a seed."""
    return jax.random.key(key) if isinstance(key, int) else key
