"""The likelihood of an order that is drawn from the top: every item against those that are left when it is drawn.

In the order of relevance they are two runs: everything before the item, and the items of equal relevance after it. The
sums over all runs are found in steps of 1, 2, 4, ... places, each step for all items at once.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["drawn"]


@jax.jit
def drawn(scores: Array, relevance: Array, keep: Array) -> tuple[Array, Array]:
    """``(terms [..., N], order)``; entry k of the terms belongs to item ``order[..., k]``, in order of relevance.

    The term of item i is ``log(1 + sum_j exp(s_j - s_i))`` over the kept j != i that are at most as relevant as i, with
    full relative accuracy for small values. It is 0 where i is not kept.
    """
    order = jnp.argsort(jax.lax.stop_gradient(relevance), axis=-1)
    scores, relevance, keep = (
        jnp.take_along_axis(x, order, axis=-1, mode="promise_in_bounds") for x in (scores, relevance, keep)
    )
    tied = relevance[..., 1:] == relevance[..., :-1]
    # Entry k of a run joins what is before it; the second one is read from its end.
    joined = jnp.stack([jnp.ones_like(tied), jnp.flip(tied, axis=-1)])
    both = lambda x: jnp.stack([x, jnp.flip(x, axis=-1)])
    peak, total = _runs(both(scores), both(keep), joined)
    turn = lambda x: (x[0], jnp.flip(x[1], axis=-1))
    (one, other), (some, more) = turn(peak), turn(total)
    return jnp.where(keep, _against(scores, *_added(one, some, other, more)), jnp.zeros((), scores.dtype)), order


def _runs(scores: Array, keep: Array, joined: Array) -> tuple[Array, Array]:
    """``(m, t)`` with ``t exp(m)`` the sum of ``exp(scores)`` over the kept entries of the run before each entry.

    The peak ``m`` is a constant of differentiation. An empty sum has ``t = 0``.
    """
    size = scores.shape[-1]
    lowest = float(jnp.finfo(scores.dtype).min)
    before = lambda x, fill: jnp.concatenate([jnp.full_like(x[..., :1], fill), x[..., :-1]], axis=-1)
    ends = jnp.concatenate([jnp.ones_like(keep[..., :1]), jnp.logical_not(joined)], axis=-1)
    absent = ends | ~before(keep, False)
    last = jnp.where(absent, jnp.zeros((), scores.dtype), before(scores, 0))
    peak = jnp.maximum(jax.lax.stop_gradient(last), lowest)
    total = jnp.where(absent, jnp.zeros((), scores.dtype), jnp.exp(last - peak))
    peak = jnp.where(absent, lowest, peak)

    def step(state: tuple[Array, Array, Array], places: Array) -> tuple[tuple[Array, Array, Array], None]:
        earlier = lambda x, fill: jax.lax.dynamic_slice_in_dim(
            jnp.concatenate([jnp.full_like(x, fill), x], axis=-1), size - places, size, axis=-1
        )
        peak, total, ends = state
        far = jnp.where(ends, lowest, earlier(peak, lowest)), jnp.where(ends, 0.0, earlier(total, 0))
        return (*_added(*far, peak, total), ends | earlier(ends, True)), None

    # A symbolic size of `jax.export` gets the steps of the longest list that there can be.
    steps = (size - 1).bit_length() if isinstance(size, int) else 31
    (peak, total, _), _ = jax.lax.scan(step, (peak, total, ends), 2 ** jnp.arange(steps))
    return peak, total


def _added(peak: Array, total: Array, other: Array, more: Array) -> tuple[Array, Array]:
    """The sum of ``total exp(peak)`` and ``more exp(other)``, in the same form."""
    top = jnp.maximum(peak, other)
    return top, total * jnp.exp(peak - top) + more * jnp.exp(other - top)


def _against(scores: Array, peak: Array, total: Array) -> Array:
    """``log(1 + total exp(peak - scores))``, which neither overflows nor loses the digits of a small value."""
    zero = jnp.zeros((), scores.dtype)
    ahead = jnp.where(total == 0, zero, peak - scores)
    low, high = jnp.where(ahead <= 0, ahead, zero), jnp.where(ahead <= 0, zero, ahead)
    return jnp.where(ahead <= 0, jnp.log1p(total * jnp.exp(low)), high + jnp.log(total + jnp.exp(-high)))
