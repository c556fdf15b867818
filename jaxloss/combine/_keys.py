"""Random keys of methods that draw."""

from __future__ import annotations

import jax

from jaxloss._floor.typing import Array

__all__ = ["Key", "as_key"]

Key = Array | int
"""A random key, or the seed of one."""


def as_key(key: Key) -> Array:
    """The key itself, or the key of a seed."""
    return jax.random.key(key) if isinstance(key, int) else key
