"""Masked examples of functions that are given by the caller."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["stand_in"]


def stand_in(where: ArrayLike | None, array: Array, *, event_ndim: int) -> Array:
    """``array`` with the first example that counts in the place of those that are masked.

    A function that is unknown here may be singular at 0, but not at an example of its own domain. If none counts it is
    the very first, with 0 for what is not finite.
    """
    if where is None or not array.size:
        return array
    batch, event = array.shape[: array.ndim - event_ndim], array.shape[array.ndim - event_ndim :]
    keep = checks.mask(where, batch)
    first = jnp.reshape(array, (math.prod(batch), *event))[jnp.argmax(keep)]
    first = jnp.where(jnp.any(keep) | jnp.isfinite(first), first, jnp.zeros((), array.dtype))
    keep = jnp.expand_dims(keep, tuple(range(len(batch), array.ndim)))
    return jnp.where(keep, array, jnp.broadcast_to(first, array.shape))
