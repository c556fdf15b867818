"""Dtypes of arguments: boolean, floating, integer, numeric."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["as_array", "as_int32", "boolean", "floating", "has_dtype", "integer", "numeric"]


def as_array(name: str, value: Any) -> Array:
    """``value`` as an array; a TypeError that names it if it is not one of numbers."""
    if isinstance(value, jax.Array):  # in an eager call jnp.asarray takes as long as a small sum
        return value
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of numbers; found {type(value).__name__}: {error}") from None


@functools.cache
def _among(dtype: Any, kinds: tuple[Any, ...]) -> bool:
    """Whether ``dtype`` is of one of ``kinds``; remembered, since a loss on a few examples waits for little else."""
    return any(jnp.issubdtype(dtype, kind) for kind in kinds)


def has_dtype(name: str, value: Any, kinds: tuple[Any, ...], expected: str, advice: str) -> Array:
    """``value`` as an array of a dtype among ``kinds``; if not, a TypeError: what was ``expected``, and ``advice``."""
    array = as_array(name, value)
    if not _among(array.dtype, kinds):
        raise TypeError(f"{name} must be {expected}; found {array.dtype}. {advice}")
    return array


def boolean(meaning: str, **arrays: Any) -> tuple[Array, ...]:
    """The arguments as boolean arrays; a TypeError that says what True means for anything else."""
    advice = "Write the condition out, for example {} == 1."
    return tuple(has_dtype(n, x, (jnp.bool_,), f"boolean, {meaning}", advice.format(n)) for n, x in arrays.items())


def floating(**arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating-point arrays; a TypeError for anything else."""
    return tuple(_floating(name, as_array(name, value)) for name, value in arrays.items())


def _floating(name: str, array: Array) -> Array:
    swapped = "Are the arguments swapped? Predictions come first. If not, write"
    start = swapped if _among(array.dtype, (jnp.integer,)) else "Write"
    advice = f"{start} x.astype(jnp.float32), or x.astype(jnp.float32) / 255 for the bytes of an image."
    return has_dtype(name, array, (jnp.floating,), "floating", advice)


def numeric(**arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating or integer arrays (integers never decide the dtype of a loss)."""
    advice = "Convert it with .astype(jnp.float32)."
    kinds = (jnp.floating, jnp.integer)
    return tuple(has_dtype(n, x, kinds, "floating or integer", advice) for n, x in arrays.items())


def integer(**arrays: Any) -> tuple[Array, ...]:
    """The arguments as integer arrays; a TypeError for anything else."""
    advice = "Labels are class indices; convert with .astype(jnp.int32), or jnp.argmax(one_hot, axis=-1)."
    return tuple(has_dtype(n, x, (jnp.integer,), "integer", advice) for n, x in arrays.items())


def as_int32(labels: Array) -> Array:
    """Labels as int32, with -1 for what does not fit: no 64-bit label may wrap into the range of the classes."""
    if labels.dtype.itemsize < 8:
        return labels.astype(jnp.int32)
    fits = jnp.abs(labels) < 2**31
    return jnp.where(fits, labels.astype(jnp.int32), jnp.full((), -1, jnp.int32))
