"""Which mesh axes a value differs over, inside `jax.shard_map`."""

from __future__ import annotations

from typing import Any

import jax

__all__ = ["vary_over", "varying_axes"]


def varying_axes(value: Any) -> tuple[str, ...]:
    """The manual mesh axes over which ``value`` differs from device to device; none with ``check_vma=False``."""
    return tuple(jax.typeof(value).manual_axis_type.varying)


def vary_over(value: Any, axes: tuple[str, ...]) -> Any:
    """``value`` typed as differing over ``axes``, so that what it meets is not summed over devices behind our back."""
    missing = tuple(axis for axis in axes if axis not in varying_axes(value))
    return jax.lax.pcast(value, missing, to="varying") if missing else value
