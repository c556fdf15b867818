"""What every update shares: masks, flat batches, groups, and sums that are added to a state."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["add", "by_group", "counted", "flat", "members", "ratio", "shown", "within_one"]

State = TypeVar("State", bound=tuple[Any, ...])


def counted(where: ArrayLike | None, batch: tuple[int, ...]) -> Array:
    """Which examples count, as one flat boolean axis."""
    keep = jnp.ones(batch, bool) if where is None else checks.mask(where, batch)
    return jnp.reshape(keep, (-1,))


def flat(where: ArrayLike | None, array: Array, *, event_ndim: int = 0) -> Array:
    """``array`` with one batch axis, 0 behind the mask, in float32 at least; no gradient flows."""
    batch, event = array.shape[: array.ndim - event_ndim], array.shape[array.ndim - event_ndim :]
    (hidden,) = promote(hide(where, jax.lax.stop_gradient(array), event_ndim=event_ndim))
    return jnp.reshape(hidden, (math.prod(batch), *event))


def shown(where: ArrayLike | None, array: Array) -> Array:
    """Integers or booleans with one batch axis, 0 behind the mask."""
    return jnp.reshape(hide(where, array), (-1,))


def within_one(hits: Array) -> Array:
    """Which predictions are right, NaN where this is not a number from 0 to 1."""
    return jnp.where((hits >= 0) & (hits <= 1), hits, jnp.nan)


def members(where: ArrayLike | None, groups: Any, batch: tuple[int, ...], number: int) -> tuple[Array, Array]:
    """Which examples are in which group, boolean ``[examples, number]``, and which groups are legal, ``[examples]``.

    An illegal group is in all of them, so that its NaN is seen in each.

    Raises:
        TypeError: If ``groups`` is not integer.
        ValueError: If ``groups`` does not have the shape of the batch.
    """
    (groups,) = checks.integer(groups=groups)
    checks.has_shape(batch, "one group per example", groups=groups)
    place = shown(where, checks.as_int32(groups))
    legal = (place >= 0) & (place < number)
    inside = (place[:, None] == jnp.arange(number, dtype=place.dtype)[None, :]) | ~legal[:, None]
    return inside & counted(where, batch)[:, None], legal


def by_group(inside: Array, values: Array) -> Array:
    """Sums of values ``[examples]`` by group. A selection: a product with 0 would carry a NaN into other groups."""
    return jnp.sum(jnp.where(inside, values[:, None], 0), axis=0)


def add(state: State, *sums: Array | float) -> State:
    """The state with sums over new examples added, field by field, each in the dtype of the state."""
    fields = zip(state, sums, strict=True)
    return type(state)(*(old + jnp.asarray(new).astype(old.dtype) for old, new in fields))


def ratio(numerator: Array, denominator: Array) -> Array:
    """``numerator / denominator``, NaN where the denominator is 0: nothing was counted, so nothing is known."""
    known = denominator != 0
    return jnp.where(known, divide(numerator, denominator), jnp.nan)
