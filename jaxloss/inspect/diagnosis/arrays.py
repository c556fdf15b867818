"""Arrays as plain float64 numbers, and where in them something is true."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

__all__ = [
    "array_of",
    "first_index",
    "is_concrete",
    "is_floating",
    "is_half",
    "is_number_array",
    "nonfinite_index",
    "numbers",
]


def is_number_array(value: Any) -> bool:
    """Whether a value is an array of numbers or booleans that a rule can look at: no tracer, no random key."""
    if isinstance(value, Tracer) or not isinstance(value, jax.Array | np.ndarray | np.generic):
        return False
    return jnp.issubdtype(value.dtype, jnp.number) or value.dtype == jnp.bool_


def array_of(value: Any) -> jax.Array | None:
    """A value as an array of numbers, such as a list; None if it is none."""
    if value is None or isinstance(value, str | Tracer) or callable(value):
        return None
    with contextlib.suppress(TypeError, ValueError):
        array = jnp.asarray(value)
        return array if is_number_array(array) else None
    return None


def is_floating(value: Any) -> bool:
    return is_number_array(value) and jnp.issubdtype(value.dtype, jnp.floating)


def is_half(value: Any) -> bool:
    """Whether a value is a floating array of at most 16 bits."""
    return is_floating(value) and value.dtype.itemsize <= 2


def is_concrete(tree: Any) -> bool:
    """Whether no leaf of a pytree is traced."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def numbers(value: Any) -> np.ndarray:
    """The entries of an array as float64; complex ones by their magnitude."""
    array = np.asarray(value)
    return np.abs(array) if np.iscomplexobj(array) else array.astype(np.float64)


def first_index(true: np.ndarray) -> tuple[int, ...] | None:
    """The index of the first True entry; None if there is none."""
    return tuple(int(i) for i in np.argwhere(true)[0]) if true.any() else None


def nonfinite_index(value: Any) -> tuple[int, ...] | None:
    """The index of the first entry that is NaN or infinite."""
    return first_index(~np.isfinite(numbers(value))) if is_floating(value) else None
