"""A predicted and a true membership side by side: how far they are apart, and what they share.

Sums over these follow. XLA on CPU fuses a selection into a loop and not into a sum. So each function makes few arrays
in one loop, domain and all, and the sums read them. NaN, in value and gradient, where a membership is outside [0, 1].

A difference of two memberships of a pixel is in a rule never compared with 0 but by its two terms: a product in front
leaves a residue in a difference and none in a comparison.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import magnitude, positive_part
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array

__all__ = ["all_in_unit_interval", "apart_by_probs", "parts_by_logits", "parts_by_probs", "sums_by_logits"]

Pair = tuple[Array, Array]
Parts = tuple[Array, Array, Array]


def _legal(parts: Parts, *memberships: Array) -> Parts:
    """``parts``, NaN where a membership is outside [0, 1]; by a factor, XLA on CPU sums them as a matrix product."""
    for x in memberships:
        least, extra, missed = (jnp.where((x >= 0) & (x <= 1), part, jnp.nan) for part in parts)
        parts = least, extra, missed
    return parts


def all_in_unit_interval(memberships: Array, others: Array) -> Array:
    """Whether all entries of the last axis of both are in [0, 1]; what it says of NaN may be either."""
    # Behind a barrier, or XLA on CPU would store the minima for the sum of `apart_by_probs`.
    first, second = jax.lax.optimization_barrier(jax.lax.stop_gradient((memberships, others)))
    low = jnp.min(jnp.minimum(first, second), axis=-1, initial=0)
    return (low >= 0) & (jnp.max(jnp.maximum(first, second), axis=-1, initial=1) <= 1)


def _terms(logits: Array, targets: Array) -> tuple[Array, Array, Array, Array]:
    """``(p (1 - y), y (1 - p))`` times ``1 + e``, ``e`` and ``p``, where ``e`` is the smaller side over the larger."""
    small = jnp.exp(-jnp.abs(logits))
    one, up = jnp.ones((), logits.dtype), logits >= 0
    more, less = jnp.where(up, one, small), jnp.where(up, small, one)
    return more * (1 - targets), targets * less, small, more / (1 + small)


def _sign(x: Array, y: Array) -> Array:
    """The sign of ``x - y``, or NaN."""
    one = jnp.ones((), x.dtype)
    return jnp.where(x > y, one, jnp.where(x < y, -one, 0 * (y - x)))


def _slope(logits: Array, targets: Array, logits_dot: Array) -> tuple[Array, Array]:
    """The sign of ``sigmoid(z) - y`` and the derivative of the sigmoid."""
    # Behind a barrier: XLA on CPU would store the exponentials for value and slope.
    extra, missed, small, _ = _terms(jax.lax.optimization_barrier(logits), targets)
    return _sign(extra, missed), small / jnp.square(1 + small) * logits_dot


def _least_dot(sign: Array, probs_dot: Array, targets_dot: Array) -> Array:
    """The derivative of ``min(p, y)``, halved at equality."""
    share = 0.5 - 0.5 * sign
    return share * probs_dot + (1 - share) * targets_dot


def _sums_by_logits_jvp(primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    sign, probs_dot = _slope(*primals, tangents[0])
    dots = _least_dot(sign, probs_dot, tangents[1]), sign * (probs_dot - tangents[1])
    return sums_by_logits(*primals), (jnp.sum(dots[0], axis=-1), jnp.sum(dots[1], axis=-1))


@with_rule(_sums_by_logits_jvp)
def sums_by_logits(logits: Array, targets: Array) -> Pair:
    """The sums of ``min(p, y)`` and ``|p - y|`` over the last axis, of the sigmoid.

    The distance has full relative accuracy for a confident one. The minimum is rounded relative to both memberships.
    """
    extra, missed, small, _ = _terms(logits, targets)
    lead = jnp.where((targets >= 0) & (targets <= 1), (extra - missed) / (1 + small), jnp.nan)
    wrong = jnp.sum(magnitude(lead), axis=-1)
    both = jnp.sum(targets, axis=-1) + 0.5 * (jnp.sum(lead, axis=-1) - wrong)
    return both - jax.lax.stop_gradient(jnp.minimum(both, 0)), wrong


def _apart_by_probs_jvp(primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    sign = _sign(*primals)
    return apart_by_probs(*primals), (_least_dot(sign, *tangents), sign * (tangents[0] - tangents[1]))


@with_rule(_apart_by_probs_jvp)
def apart_by_probs(probs: Array, targets: Array) -> Pair:
    """``(min(p, y), |p - y|)`` of any numbers, without a selection; at equality the slope of the distance is 0."""
    return jnp.minimum(probs, targets), magnitude(probs - targets)


def _parts_dot(sign: Array, probs_dot: Array, targets_dot: Array) -> Parts:
    """The derivatives of ``min(p, y)`` and of the two excesses, which are 0 at equality."""
    least_dot, lead_dot = _least_dot(sign, probs_dot, targets_dot), probs_dot - targets_dot
    return least_dot, positive_part(sign) * lead_dot, -positive_part(-sign) * lead_dot


def _parts_by_logits_jvp(primals: Pair, tangents: Pair) -> tuple[Parts, Parts]:
    sign, probs_dot = _slope(*primals, tangents[0])
    return parts_by_logits(*primals), _parts_dot(sign, probs_dot, tangents[1])


@with_rule(_parts_by_logits_jvp)
def parts_by_logits(logits: Array, targets: Array) -> Parts:
    """``(min(p, y), max(p - y, 0), max(y - p, 0))`` of the sigmoid, each with full relative accuracy."""
    extra, missed, small, probs = _terms(logits, targets)
    least, lead, lack = jnp.minimum(probs, targets), extra - missed, missed - extra
    parts = least, positive_part(lead) / (1 + small), positive_part(lack) / (1 + small)
    return _legal(parts, targets)


def _parts_by_probs_jvp(primals: Pair, tangents: Pair) -> tuple[Parts, Parts]:
    return parts_by_probs(*primals), _parts_dot(_sign(*primals), *tangents)


@with_rule(_parts_by_probs_jvp)
def parts_by_probs(probs: Array, targets: Array) -> Parts:
    """``(min(p, y), max(p - y, 0), max(y - p, 0))``."""
    parts = jnp.minimum(probs, targets), positive_part(probs - targets), positive_part(targets - probs)
    return _legal(parts, probs, targets)
