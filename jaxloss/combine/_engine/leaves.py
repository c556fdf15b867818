"""The leaves of a pytree that are differentiated, separated from those that are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import trainable

__all__ = ["Leaves", "leaves_of", "wide"]


class Leaves(NamedTuple):
    """Parameters, split into differentiated leaves and the rest.

    Attributes:
        floating: The leaves that are differentiated, as arrays.
        rest: All leaves, None in place of the differentiated ones.
        chosen: For each leaf whether it is differentiated.
        structure: The structure of the parameters.
    """

    floating: list[Array]
    rest: list[Any]
    chosen: list[bool]
    structure: Any

    def rebuild(self, floating: Sequence[Any]) -> Any:
        """The parameters with other differentiated leaves."""
        return self._join(floating, lambda leaf: leaf)

    def only(self, floating: Sequence[Any]) -> Any:
        """A pytree of the differentiated leaves alone, None elsewhere."""
        return self._join(floating, lambda _: None)

    def _join(self, floating: Sequence[Any], other: Callable[[Any], Any]) -> Any:
        given = iter(floating)
        leaves = [next(given) if c else other(r) for c, r in zip(self.chosen, self.rest, strict=True)]
        return jax.tree.unflatten(self.structure, leaves)


def leaves_of(params: Any) -> Leaves:
    leaves, structure = jax.tree.flatten(params)
    chosen = trainable(leaves)
    floating = [jnp.asarray(leaf) for leaf, c in zip(leaves, chosen, strict=True) if c]
    rest = [None if c else leaf for leaf, c in zip(leaves, chosen, strict=True)]
    return Leaves(floating, rest, chosen, structure)


def wide(leaf: Array) -> Array:
    """The leaf with at least 32 bits: sums over parts and loss scales do not fit into 16 bits."""
    return leaf.astype(jnp.float32) if leaf.dtype.itemsize < 4 else leaf
