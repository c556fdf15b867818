"""The core of the softmax cross-entropies where every device has the logits of a slice of the classes.

As in `terms`, nothing but a few numbers per row is kept, and a nearly certain, correct prediction keeps its
relative accuracy. Only such numbers travel between the devices, none of them for the gradient.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import difference
from jaxloss._floor.maths.softmax.sharded_classes import added, first_class, highest
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, AxisName

__all__ = ["sharded_terms"]

Terms = tuple[Array, Array | None, Array, Array]


def _below_peak(axis_name: AxisName | None, logits: Array, where: Array | None) -> tuple[Array, Array]:
    """The logits here minus the largest of each row on all devices, and that one, or 0 if it is -inf."""
    peak = jnp.max(jax.lax.stop_gradient(hide(where, logits, event_ndim=1)), axis=-1)
    if logits.dtype.itemsize == 2:
        # Without the barrier XLA shares one float32 copy of the logits between the maximum and the sum.
        logits, peak = jax.lax.optimization_barrier((logits, peak))
    logits, peak = promote(hide(where, logits, event_ndim=1), peak)
    peak = highest(axis_name, peak)
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)
    return logits - peak[..., None], peak


def _places(axis_name: AxisName | None, logits: Array, labels: Array) -> tuple[Array, Array]:
    """Labels counted from the first class here, and which logit is that of the label."""
    places = labels - first_class(axis_name, logits.shape[-1])
    return places, jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1) == places[..., None]


def _sums_of_present(axis_name: AxisName | None, below: Array, scale: Array) -> tuple[Array, Array, Array]:
    """``(sum c (z - m), sum c, how many)`` over the present classes of all devices, those of a logit above -inf."""
    present = jnp.logical_not(jnp.isneginf(below))
    each = jnp.where(present, jnp.broadcast_to(scale, below.shape), jnp.zeros((), below.dtype))
    total = jnp.sum(jnp.where(present, below, jnp.zeros((), below.dtype)) * each, axis=-1)
    sums = total, jnp.sum(each, axis=-1), jnp.sum(present, axis=-1, dtype=jnp.int32)
    total, mass, count = added(axis_name, sums)
    return total, mass, count.astype(below.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def sharded_terms(
    axis_name: AxisName | None, logits: Array, labels: Array, scale: Array | None = None, where: Array | None = None
) -> Terms:
    """``(-log p of the label, sum(c_k * -log p_k) / K, log sum exp(logits - m), m)`` per row, over all devices.

    m, the largest logit, has no derivative; the others count it in. ``scale`` ``[classes here]`` are the numbers c of
    the second term, which is None without them. Rows that ``where`` leaves out have logits of 0, and no derivative.
    """
    below, peak = _below_peak(axis_name, logits, where)
    places, is_label = _places(axis_name, logits, labels)
    inside = jnp.clip(places, 0, logits.shape[-1] - 1)
    picked = jnp.take_along_axis(logits, inside[..., None], axis=-1, mode="promise_in_bounds")[..., 0]
    picked = jnp.where(inside == places, hide(where, picked), jnp.zeros((), logits.dtype)).astype(peak.dtype)
    rest = jnp.sum(jnp.where(is_label, jnp.zeros((), below.dtype), jnp.exp(below)), axis=-1)
    rest, picked = added(axis_name, (rest, picked))
    gap = difference(picked, peak)
    spread = jnp.log1p(rest + jnp.expm1(gap))
    if scale is None:
        return spread - gap, None, spread, peak
    total, mass, count = _sums_of_present(axis_name, below, scale)
    return spread - gap, (mass * spread - total) / count, spread, peak


@sharded_terms.defjvp
def _sharded_terms_jvp(axis_name: AxisName | None, primals: Any, tangents: Any) -> tuple[Terms, Terms]:
    logits, labels, scale, where = primals
    terms = sharded_terms(axis_name, logits, labels, scale, where)
    nll, _, spread, peak = terms
    (tangent,) = promote(hide(where, tangents[0], event_ndim=1))
    below, _ = _below_peak(axis_name, logits, where)
    _, is_label = _places(axis_name, logits, labels)
    share = jnp.exp(below - spread[..., None])
    pull = jnp.where(is_label, jnp.expm1(-nll)[..., None], share)
    slopes = jnp.sum(pull * tangent, axis=-1), jnp.sum(share * tangent, axis=-1)
    still = jnp.zeros_like(peak)
    if scale is None:
        along, across = added(axis_name, slopes)
        return terms, (along, None, across, still)
    _, mass, count = _sums_of_present(axis_name, below, scale)
    absent, zero = jnp.isneginf(below), jnp.zeros((), below.dtype)
    each = jnp.where(absent, zero, jnp.broadcast_to(scale, below.shape))
    even = (mass / count)[..., None] * share - each / count[..., None]
    surprise = jnp.where(absent, zero, spread[..., None] - below) / count[..., None]
    towards = jnp.broadcast_to(tangents[2].astype(below.dtype), below.shape)
    along, across, smoothed = added(axis_name, (*slopes, jnp.sum(even * tangent + surprise * towards, axis=-1)))
    return terms, (along, smoothed, across, still)
