"""What losses of lists share: the door, pairs of items, ranks, and the way out."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, pool_mass, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["Lists", "above", "gains", "known_relevance", "lists", "log1p_sum_exp", "over_lists"]


class Lists(NamedTuple):
    """Lists of items, each array of shape ``[..., items]``, with at least one item, be it a masked one."""

    scores: Array
    relevance: Array
    keep: Array
    """Which items there are."""
    mass: Array
    """Their weights, 0 where masked."""


def lists(where: ArrayLike | None, weights: ArrayLike | None, scores: ArrayLike, relevance: ArrayLike) -> Lists:
    """Scores and relevance in the working dtype, 0 where masked."""
    scores, relevance = checks.values(scores=scores, relevance=relevance)
    checks.with_axes("items", allow_empty=True, scores=scores)
    scores, relevance = blank(where, scores, relevance)
    keep = jnp.ones(scores.shape, bool) if where is None else checks.mask(where, scores.shape)
    mass, _ = pool_mass(where, weights, scores)
    mass = (keep if mass is None else mass).astype(scores.dtype)
    missing = [(0, 0)] * (scores.ndim - 1) + [(0, int(scores.shape[-1] == 0))]
    return Lists(*(jnp.pad(x, missing) for x in (scores, relevance, keep, mass)))


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


def above(keep: Array, *keys: Array) -> Array:
    """``[..., i, j]``: whether item j stands above item i: by the first key, then the next, then its place."""
    place = jnp.broadcast_to(-jnp.arange(keep.shape[-1]), keep.shape)
    higher = jnp.zeros((*keep.shape, keep.shape[-1]), bool)
    for key in reversed((*keys, place)):
        other, own = key[..., None, :], key[..., :, None]
        higher = (other > own) | ((other == own) & higher)
    return higher & keep[..., None, :]


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
