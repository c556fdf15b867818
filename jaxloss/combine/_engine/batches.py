"""Splits the arguments of losses into parts of the batch, and checks that a part returns terms of its own size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import is_array

__all__ = ["part_size", "require_rows", "split"]


class Parts(NamedTuple):
    """The arguments of losses in parts.

    Attributes:
        stacked: The index of each part, and the arrays of the batch with a leading axis of parts.
        arguments: From one part of ``stacked`` to the ``args`` and ``kwargs`` of the losses.
    """

    stacked: tuple[Array, list[Array]]
    arguments: Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]


def split(args: tuple[Any, ...], kwargs: Mapping[str, Any], microbatches: int) -> Parts:
    """The arrays whose leading axis has the size of the batch, split; everything else is given to every part.

    The size of the batch is the leading axis of the first array in the first argument. Random keys are folded with the
    index of the part, so that parts draw differently.
    """
    leaves, structure = jax.tree.flatten((args, dict(kwargs)))
    size = part_size(args, microbatches)
    members = [_has_rows(leaf) and leaf.shape[0] == microbatches * size for leaf in leaves]
    if any(_is_old_key(leaf) and not member for leaf, member in zip(leaves, members, strict=True)):
        raise TypeError(
            "microbatches= cannot tell an old random key from data, a uint32 array of shape (2,), and would draw the "
            "same numbers for every part. Make the key with jax.random.key(seed) instead of jax.random.PRNGKey(seed); "
            "if it is data, give it another dtype."
        )
    rows = (microbatches, size)
    pieces = [jnp.reshape(leaf, (*rows, *leaf.shape[1:])) for leaf, m in zip(leaves, members, strict=True) if m]

    def arguments(part: tuple[Array, list[Array]]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        index, own = part
        rest = iter(own)
        joined = [next(rest) if m else _own_key(leaf, index) for leaf, m in zip(leaves, members, strict=True)]
        return jax.tree.unflatten(structure, joined)

    return Parts((jnp.arange(microbatches, dtype=jnp.int32), pieces), arguments)


def part_size(args: tuple[Any, ...], microbatches: int) -> int:
    """The number of examples in each part."""
    arrays = [x for x in jax.tree_util.tree_leaves_with_path(args[:1]) if _has_rows(x[1]) and not _is_old_key(x[1])]
    if not arrays:
        raise TypeError("microbatches= splits the arrays in the first argument after the state; there is none.")
    path, first = arrays[0]
    if first.shape[0] % microbatches:
        raise ValueError(
            f"microbatches={microbatches} must divide the size of the batch, the leading axis of the first array in "
            f"the first argument after the state; found shape {first.shape} at 'batch{jax.tree_util.keystr(path[1:])}'."
        )
    return first.shape[0] // microbatches


def require_rows(found: Any, size: int) -> None:
    """Raise a ValueError unless the leading axis of every named array is the part, of ``size`` examples."""
    for name, value in found.items() if isinstance(found, Mapping) else ():
        for leaf in jax.tree.leaves(value):
            if _has_rows(leaf) and leaf.shape[0] != size:
                raise ValueError(
                    f"term {name!r} has an array of shape {leaf.shape}, but with microbatches= the leading axis of a "
                    f"term must be the {size} examples of one part. Only arguments whose leading axis has the size of "
                    "the batch are split. Reshape the term to [batch, ...], or reduce it to one number."
                )


def _has_rows(leaf: Any) -> bool:
    return is_array(leaf) and leaf.ndim > 0


def _is_old_key(leaf: Any) -> bool:
    return is_array(leaf) and leaf.shape == (2,) and leaf.dtype == jnp.uint32


def _own_key(leaf: Any, index: Array) -> Any:
    """A random key folded with the index of the part; keys in an array each; everything else unchanged."""
    if not (isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)):
        return leaf
    fold = jax.random.fold_in
    for _ in leaf.shape:
        fold = jax.vmap(fold, (0, None))
    return fold(leaf, index)
