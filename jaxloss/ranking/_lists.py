"""What losses of lists share: the door, pairs of items, ranks, and the way out."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, pool_mass, reduce
from jaxloss._floor.spread import own_diagonal, own_rows, summed, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["Lists", "above", "gains", "known_relevance", "lists", "log1p_sum_exp", "others", "over_lists"]


class Lists(NamedTuple):
    """Lists of items, each array of shape ``[..., items]``, with at least one item, be it a masked one.

    They are whole on every device. Pairs of items are ``[..., rows, items]``, with the rows that are here.
    """

    scores: Array
    relevance: Array
    keep: Array
    """Which items there are."""
    mass: Array
    """Their weights, 0 where masked."""
    axis_name: AxisName | None
    """Over which the rows of pairs are spread."""

    def rows(self, x: Array) -> Array:
        """``x`` of the items in the rows of pairs."""
        return own_rows(self.axis_name, x)

    def total(self, x: Array, axis: int | tuple[int, ...] = -1) -> Array:
        """The sum over the rows of all devices, of values here only."""
        return summed(self.axis_name, jnp.sum(x, axis=axis))


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
    return Lists(scores, relevance, keep, mass, axis_name)


def over_lists(values: Array, present: Array, items: Lists, reduction: Reduction) -> Array:
    """Reduce over the lists that are present. A NaN among the items always shows."""
    broken = jnp.any(jnp.isnan(items.scores) | jnp.isnan(items.relevance), axis=-1)
    values = numerics.poison(values, jnp.logical_not(broken))
    return reduce(values, where=present | broken, reduction=reduction)


def known_relevance(items: Lists) -> Array:
    """The relevance of every item; NaN, in value and gradient, where it is negative."""
    known = items.relevance >= 0
    value_checks.ensure(lambda: known, "relevance must be >= 0")
    return numerics.poison(items.relevance, known)


def gains(items: Lists) -> Array:
    """The gain of every item, ``weight * (2 ** relevance - 1)``; NaN for negative relevance."""
    return items.mass * jnp.expm1(known_relevance(items) * math.log(2.0))


def others(items: Lists) -> Array:
    """``[..., i, j]``: whether item j is not item i."""
    apart = jnp.logical_not(own_diagonal(items.axis_name, items.keep.shape[-1]))
    return jnp.broadcast_to(apart, (*items.keep.shape[:-1], *apart.shape))


def above(items: Lists, *keys: Array) -> Array:
    """``[..., i, j]``: whether item j stands above item i: by the first key, then the next, then its place."""
    place = jnp.broadcast_to(-jnp.arange(items.keep.shape[-1]), items.keep.shape)
    higher = jnp.zeros((*place.shape[:-1], items.rows(place).shape[-1], place.shape[-1]), bool)
    for key in reversed((*keys, place)):
        other, own = key[..., None, :], items.rows(key)[..., :, None]
        higher = (other > own) | ((other == own) & higher)
    return higher & items.keep[..., None, :]


@jax.custom_jvp
def log1p_sum_exp(x: Array) -> Array:
    """``log(1 + sum(exp(x)))`` over the last axis to full relative accuracy; entries of -inf are absent."""
    peak = jnp.maximum(jnp.max(x, axis=-1), 0)
    shifted = jnp.sum(jnp.exp(x - peak[..., None]), axis=-1)
    return jnp.where(peak == 0, jnp.log1p(shifted), peak + jnp.log(jnp.exp(-peak) + shifted))


@log1p_sum_exp.defjvp
def _log1p_sum_exp_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    value = log1p_sum_exp(x)
    return value, jnp.sum(jnp.exp(x - value[..., None]) * tangent, axis=-1)
