"""What losses of lists share: the door, pairs of items, ranks, and the way out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, pool_mass, reduce
from jaxloss._floor.spread import own_rows, summed, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = [
    "Lists",
    "ensure_relevance",
    "gains",
    "known_relevance",
    "lists",
    "margins_of",
    "over_lists",
    "ranks",
    "spans",
]

_AT_ONCE = 4
"""How many default chunks are taken as one: XLA on CPU takes twice as long for pairs of items inside a loop."""


class Lists(NamedTuple):
    """Lists of items, each array of shape ``[..., items]``, with at least one item, be it a masked one.

    They are whole on every device. Pairs of items are ``[..., rows, items]``, for some of the rows that are here.
    """

    scores: Array
    relevance: Array
    keep: Array
    """Which items there are."""
    mass: Array
    """Their weights, 0 where masked."""
    axis_name: AxisName | None
    """Over which the rows of pairs are spread."""
    weighted: bool
    """Whether masses are other than 1 and 0."""

    def times_mass(self, x: Array) -> Array:
        """``x``, which is 0 where masked, times the mass: without weights nothing is left to do."""
        return self.mass * x if self.weighted else x

    def rows(self, x: Array) -> Array:
        """``x`` of the items in the rows of pairs."""
        return own_rows(self.axis_name, x)

    def everywhere(self, x: Array) -> Array:
        """What the rows of all devices have, of what the rows here have."""
        _, _, rows = whole_pool(self.axis_name, None, None, x)
        return rows

    def total(self, x: Array) -> Array:
        """The sum over the rows of all devices, of values here only."""
        return summed(self.axis_name, jnp.sum(x, axis=-1))

    def pairs(self, chunk_size: int | None, of_rows: Callable[..., Any], *arrays: Array) -> Any:
        """``of_rows(*rows)`` with the rows of ``arrays``: a pytree of ``[..., rows]``, a chunk of rows at a time."""
        own = tuple(map(self.rows, arrays))
        chunk = chunk_rows(chunk_size, own[0].shape[-1], self.scores.size // _AT_ONCE)
        return by_rows(lambda rows, _: of_rows(*rows), chunk, own, self.scores.ndim - 1)


def lists(
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    scores: ArrayLike,
    relevance: ArrayLike,
) -> Lists:
    """Scores and relevance in the working dtype, 0 where masked."""
    scores, relevance = checks.values(scores=scores, relevance=relevance)
    checks.with_axes("items", allow_empty=True, scores=scores)
    scores, relevance = blank(where, scores, relevance)
    where, weights, scores, relevance = whole_pool(axis_name, where, weights, scores, relevance)
    keep = jnp.ones(scores.shape, bool) if where is None else checks.mask(where, scores.shape)
    mass, _ = pool_mass(where, weights, scores)
    mass = (keep if mass is None else mass).astype(scores.dtype)
    missing = [(0, 0)] * (scores.ndim - 1) + [(0, int(scores.shape[-1] == 0))]
    scores, relevance, keep, mass = (jnp.pad(x, missing) for x in (scores, relevance, keep, mass))
    return Lists(scores, relevance, keep, mass, axis_name, weights is not None)


def margins_of(items: Lists, scores: Array, relevance: Array, keep: Array) -> tuple[Array, Array]:
    """``[..., i, j]``: the score of row i over that of item j, and whether i is the more relevant of the two."""
    pairs = keep[..., :, None] & items.keep[..., None, :]
    pairs &= relevance[..., :, None] > items.relevance[..., None, :]
    margins = scores[..., :, None] - items.scores[..., None, :]
    return jnp.where(pairs, margins, jnp.zeros((), margins.dtype)), pairs


def over_lists(values: Array, present: Array, items: Lists, reduction: Reduction, *, telling: bool = False) -> Array:
    """Reduce over the lists that are present. A NaN among the items always shows.

    Values that are ``telling`` are NaN where an item is, present or not.
    """
    broken = _broken(items.scores, items.relevance, values if telling else None)
    values = numerics.poison(values, jnp.logical_not(broken))
    return reduce(values, where=present | broken, reduction=reduction)


@jax.jit
def _broken(scores: Array, relevance: Array, values: Array | None) -> Array:
    """In which lists there is a NaN. XLA on CPU stores comparisons of all items: there the values are asked first."""
    look = lambda scores, relevance, _: jnp.any(jnp.isnan(scores) | jnp.isnan(relevance), axis=-1)
    if values is None:
        return look(scores, relevance, values)

    def if_told(scores: Array, relevance: Array, lost: Array) -> Array:
        return jax.lax.cond(jnp.any(lost), look, lambda *_: lost, scores, relevance, lost)

    return jax.lax.platform_dependent(scores, relevance, jnp.isnan(values), cpu=if_told, default=look)


def ensure_relevance(items: Lists) -> None:
    """Under `checked`: no relevance is negative."""
    value_checks.ensure(lambda: items.relevance >= 0, "relevance must be >= 0")


def known_relevance(items: Lists) -> Array:
    """The relevance of every item; NaN, in value and gradient, where it is negative."""
    ensure_relevance(items)
    return numerics.poison(items.relevance, items.relevance >= 0)


def gains(items: Lists) -> Array:
    """The gain of every item, ``weight * (2 ** relevance - 1)``; NaN for negative relevance."""
    return items.times_mass(jnp.expm1(known_relevance(items) * math.log(2.0)))


def spans(x: Array, keep: Array) -> Array:
    """Whether two of the entries ``[..., N]`` that are kept differ."""
    return jnp.min(x, axis=-1, where=keep, initial=jnp.inf) < jnp.max(x, axis=-1, where=keep, initial=-jnp.inf)


def ranks(items: Lists, *keys: Array) -> Array:
    """The rank of every item, from 1, as a float: by the first key, the largest on top, then the next, then its place.

    Items that are not kept come last, so that the ranks of the others are those among them.
    """
    place = jnp.broadcast_to(jnp.arange(items.keep.shape[-1], dtype=jnp.int32), items.keep.shape)
    falling = (-jax.lax.stop_gradient(key) for key in keys)
    operands = (jnp.logical_not(items.keep).astype(jnp.int32), *falling, place)
    *_, order = jax.lax.sort(operands, dimension=-1, num_keys=len(operands))
    return 1 + jax.lax.sort((order, place), dimension=-1, num_keys=1)[1].astype(items.scores.dtype)
