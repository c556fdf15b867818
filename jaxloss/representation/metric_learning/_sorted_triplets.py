"""Sums over the triplets of an anchor, none of which is formed: from its positives and negatives in one sorted row.

Sorting takes the same time for any number of positives.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.representation.metric_learning._labelled_rows import Sides

__all__ = ["all_by_sorting", "semi_hard_by_sorting"]


def all_by_sorting(sides: Sides, margin: Scalar) -> tuple[Array, Array, Array]:
    """As `all_one_by_one`."""
    distances, positives, negatives = sides
    # Positives first: a negative exactly as far as a positive reaches costs nothing.
    key, near, far, place = _sorted(jnp.where(positives, margin + distances, distances), positives, negatives)
    before, after = _running(far), jnp.sum(near, axis=-1, keepdims=True, dtype=jnp.int32) - _running(near)
    # From an entry to the next, the terms grow of all negatives so far with all positives still to come.
    rest = jnp.concatenate([key[..., 1:], key[..., -1:]], axis=-1)
    both = before.astype(key.dtype) * after.astype(key.dtype)
    rises = (rest > key) & (both > 0)
    step = jnp.where(rises, rest, 0.0) - jnp.where(rises, key, 0.0)
    active = jnp.sum(jnp.where(near, before, 0), axis=-1, dtype=jnp.int32)
    slopes = _unsorted(jnp.where(near, before, jnp.where(far, -after, 0)), place)
    return jnp.sum(step * both, axis=-1), active, slopes


def semi_hard_by_sorting(sides: Sides, margin: Scalar, scale: Array) -> tuple[Array, Array, Array]:
    """As `semi_hard_one_by_one`."""
    distances, positives, negatives = sides
    # Negatives first: one exactly as far as a positive is not above it.
    key, far, near, place = _sorted(distances, negatives, positives)
    before = _running(far)
    last = before == before[..., -1:]
    above = jax.lax.cummin(jnp.where(far, key, jnp.inf), axis=key.ndim - 1, reverse=True)
    furthest = jnp.max(jnp.where(negatives, distances, -jnp.inf), axis=-1, keepdims=True)
    able = near & (before[..., -1:] > 0)
    chosen = jnp.where(able, jnp.where(last, furthest, above), 0.0)
    hinge = jnp.where(able, numerics.positive_part(margin + (jnp.where(able, key, 0.0) - chosen)), 0.0)
    # A negative is chosen by the active positives between the one before and itself; the last one by those after, too.
    active = _running(hinge > 0)
    taken = jax.lax.cummax(jnp.where(far, active, 0), axis=active.ndim - 1)
    taken = jnp.concatenate([jnp.zeros_like(taken[..., :1]), taken[..., :-1]], axis=-1)
    chosen_by = jnp.where(last, active[..., -1:], active) - taken
    slopes = _unsorted(jnp.where(far, -chosen_by, (hinge > 0).astype(jnp.int32)), place)
    return jnp.sum(hinge / scale[..., None], axis=-1), active[..., -1], slopes


def _sorted(keys: Array, first: Array, second: Array) -> tuple[Array, Array, Array, Array]:
    """``(keys, first, second, place)`` by increasing key; of equal keys the ``first`` ones come first.

    Entries of neither kind are at the end with infinite keys. ``place`` is where an entry was.
    """
    size = jnp.asarray(keys.shape[-1], jnp.int32)
    kind = jnp.where(first, 0, jnp.where(second, 1, 2)).astype(jnp.int32)
    code = kind * size + jax.lax.broadcasted_iota(jnp.int32, keys.shape, keys.ndim - 1)
    keys, code = jax.lax.sort((jnp.where(kind < 2, keys, jnp.inf), code), num_keys=2)
    return keys, code < size, (code >= size) & (code < 2 * size), jax.lax.rem(code, size)


def _unsorted(x: Array, place: Array) -> Array:
    """``x`` with every entry back at its ``place``."""
    flat = lambda y: y.reshape(math.prod(y.shape[:-1]), y.shape[-1])
    x, place, shape = flat(x), flat(place), x.shape
    row = jnp.arange(x.shape[0])[:, None]
    return jnp.zeros_like(x).at[row, place].set(x, unique_indices=True, mode="promise_in_bounds").reshape(shape)


def _running(members: Array) -> Array:
    return jnp.cumsum(members, axis=-1, dtype=jnp.int32)
