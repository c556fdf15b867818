"""Which mesh axes a value differs over, inside `jax.shard_map`."""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import PartitionSpec

__all__ = ["axes_of_specs", "vary_over", "varying_axes"]


def varying_axes(value: Any) -> tuple[str, ...]:
    """The manual mesh axes over which ``value`` differs from device to device; none with ``check_vma=False``."""
    return tuple(jax.typeof(value).manual_axis_type.varying)


def vary_over(value: Any, axes: tuple[str, ...]) -> Any:
    """The arrays of ``value`` typed as differing over ``axes``, as the start of a loop over what differs has to be.

    So what they meet is not summed over devices behind our back. Axes of `jax.vmap` have no such types.
    """
    manual = jax.sharding.get_abstract_mesh().manual_axes

    def vary(array: Any) -> Any:
        missing = tuple(axis for axis in axes if axis in manual and axis not in varying_axes(array))
        return jax.lax.pcast(array, missing, to="varying") if missing else array

    return jax.tree.map(vary, value)


def axes_of_specs(specs: Any, tree: Any) -> list[tuple[str, ...]]:
    """For each leaf of ``tree`` the mesh axes in its PartitionSpec; ``specs`` is a prefix of ``tree``."""
    whole = jax.tree.broadcast(specs, tree, is_leaf=_is_spec)
    return [_axes_in(spec) for spec in jax.tree.leaves(whole, is_leaf=_is_spec)]


def _is_spec(value: Any) -> bool:
    return isinstance(value, PartitionSpec)


def _axes_in(spec: PartitionSpec) -> tuple[str, ...]:
    entries = [entry if isinstance(entry, tuple) else (entry,) for entry in spec if entry is not None]
    return tuple(axis for entry in entries for axis in entry)
