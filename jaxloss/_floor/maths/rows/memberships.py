"""A predicted and a true membership side by side: how far they are apart, and what they share.

Sums over these follow. XLA on CPU fuses a selection into a loop and not into a sum. So each function makes few arrays
in one loop, domain and all, and the sums read them. NaN, in value and gradient, where a membership is outside [0, 1].

A difference of two memberships of a pixel is in a rule never compared with 0 but by its two terms: a product in front
leaves a residue in a difference and none in a comparison.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.errors import apart
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array

__all__ = ["shares_by_logits", "shares_by_probs", "sums_by_logits", "sums_by_probs"]

Pair = tuple[Array, Array]
Sums = tuple[Array, Array, Array]
Priced = tuple[Array, Array, Array, Array]


def _terms(logits: Array, targets: Array) -> tuple[Array, Array, Array, Array]:
    """``(p (1 - y), y (1 - p))`` times ``1 + e``, ``e`` and ``p``, where ``e`` is the smaller side over the larger."""
    small = jnp.exp(-jnp.abs(logits))
    one, up = jnp.ones((), logits.dtype), logits >= 0
    more, less = jnp.where(up, one, small), jnp.where(up, small, one)
    return more * (1 - targets), targets * less, small, more / (1 + small)


def _legal(values: Array, *memberships: Array) -> Array:
    """``values``, NaN where a membership is outside [0, 1]; by a factor, XLA on CPU sums them as a matrix product."""
    for x in memberships:
        values = jnp.where((x >= 0) & (x <= 1), values, jnp.nan)
    return values


def _by_sign(x: Array, y: Array, above: Array, below: Array) -> Array:
    """``above`` where ``x > y``, ``below`` where ``x < y``, 0 where they are equal, else NaN."""
    return jnp.where(x > y, above, jnp.where(x < y, below, 0 * (y - x)))


def _sigmoid_dot(logits: Array, logits_dot: Array) -> Array:
    small = jnp.exp(-jnp.abs(logits))
    return small / jnp.square(1 + small) * logits_dot


def _least_dot(sign: Array, probs_dot: Array, targets_dot: Array) -> Array:
    """The derivative of ``min(p, y)``, halved at equality."""
    share = 0.5 - 0.5 * sign
    return share * probs_dot + (1 - share) * targets_dot


def _half_lead(logits: Array, targets: Array) -> Array:
    """Half of ``sigmoid(z) - y``: full relative accuracy for a confident one, exactly 0 at equality."""
    extra, missed, small, _ = _terms(logits, targets)
    lead = jnp.where(extra == missed, jnp.zeros((), small.dtype), extra - missed)
    return _legal(lead / (2 + 2 * small), targets)


def _sums_by_logits_jvp(primals: Pair, tangents: Pair) -> tuple[Sums, Sums]:
    logits, targets = primals
    # XLA on CPU stores the lead for its sums, and its sign is read from there; the exponentials, which it would store
    # for both, are computed again. Others would have to store the lead.
    again = apart(logits)
    shared = jax.lax.platform_dependent(logits, again, cpu=lambda own, _: own, default=lambda _, other: other)
    half, one = _half_lead(shared, targets), jnp.ones((), logits.dtype)
    sign, probs_dot = _by_sign(half, jnp.zeros((), half.dtype), one, -one), _sigmoid_dot(again, tangents[0])
    least_dot, lead_dot = _least_dot(sign, probs_dot, tangents[1]), probs_dot - tangents[1]
    both_dot, wrong_dot, more_dot = (jnp.sum(dot, axis=-1) for dot in (least_dot, sign * lead_dot, lead_dot))
    return sums_by_logits(logits, targets), (both_dot, wrong_dot, more_dot)


@with_rule(_sums_by_logits_jvp)
def sums_by_logits(logits: Array, targets: Array) -> Sums:
    """The sums of ``min(p, y)``, ``|p - y|`` and ``p - y`` over the last axis, of the sigmoid, from one array.

    The distance has full relative accuracy for a confident one. The minimum is rounded relative to both memberships.
    """
    half = _half_lead(logits, targets)
    wrong, more = 2 * jnp.sum(jnp.abs(half), axis=-1), 2 * jnp.sum(half, axis=-1)
    both = jnp.sum(targets, axis=-1) + 0.5 * (more - wrong)
    return both - jax.lax.stop_gradient(jnp.minimum(both, 0)), wrong, more


def _shares_dot(x: Array, y: Array, lead: Array, prices: Pair, probs_dot: Array, tangents: Priced) -> Pair:
    """The derivatives of the two shares, where ``p - y``, or ``lead``, has the sign of ``x - y``."""
    (alpha, beta), (_, targets_dot, alpha_dot, beta_dot) = map(apart, prices), tangents
    one = jnp.ones((), x.dtype)
    least_dot = _least_dot(_by_sign(x, y, one, -one), probs_dot, targets_dot)
    wrong_dot = _by_sign(x, y, alpha, -beta) * (probs_dot - targets_dot)
    return least_dot, wrong_dot + _by_sign(x, y, lead * alpha_dot, -lead * beta_dot)


def _shares_by_logits_jvp(primals: Priced, tangents: Priced) -> tuple[Pair, Pair]:
    logits, targets, alpha, beta = primals
    again = apart(logits)
    extra, missed, small, _ = _terms(again, targets)
    lead, probs_dot = (extra - missed) / (1 + small), _sigmoid_dot(again, tangents[0])
    return shares_by_logits(*primals), _shares_dot(extra, missed, lead, (alpha, beta), probs_dot, tangents)


@with_rule(_shares_by_logits_jvp)
def shares_by_logits(logits: Array, targets: Array, alpha: Array, beta: Array) -> Pair:
    """``(min(p, y), alpha max(p - y, 0) + beta max(y - p, 0))`` of the sigmoid, each with full relative accuracy."""
    extra, missed, small, probs = _terms(logits, targets)
    lead = (extra - missed) / (1 + small)
    wrong = _by_sign(extra, missed, alpha * lead, -beta * lead)
    return _legal(jnp.minimum(probs, targets), targets), _legal(wrong, targets)


def _shares_by_probs_jvp(primals: Priced, tangents: Priced) -> tuple[Pair, Pair]:
    probs, targets, alpha, beta = primals
    dots = _shares_dot(probs, targets, probs - targets, (alpha, beta), tangents[0], tangents)
    return shares_by_probs(*primals), dots


@with_rule(_shares_by_probs_jvp)
def shares_by_probs(probs: Array, targets: Array, alpha: Array, beta: Array) -> Pair:
    """``(min(p, y), alpha max(p - y, 0) + beta max(y - p, 0))``; NaN in the second is enough for a quotient."""
    lead = probs - targets
    wrong = _by_sign(probs, targets, alpha * lead, -beta * lead)
    return jnp.minimum(probs, targets), _legal(wrong, probs, targets)


def _all_legal(*memberships: Array) -> Array:
    """Whether all entries of the last axis of each are in [0, 1]; what it says of NaN may be either."""
    extremes = ((jnp.min(x, axis=-1, initial=0), jnp.max(x, axis=-1, initial=1)) for x in memberships)
    return functools.reduce(jnp.logical_and, ((low >= 0) & (high <= 1) for low, high in extremes))


def _sums_by_probs_jvp(primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    one = jnp.ones((), primals[0].dtype)
    sums = lambda probs, targets: tuple(jnp.sum(x, axis=-1) for x in shares_by_probs(probs, targets, one, one))
    return jax.jvp(sums, primals, tangents)


@with_rule(_sums_by_probs_jvp)
def sums_by_probs(probs: Array, targets: Array) -> Pair:
    """The sums of ``min(p, y)`` and ``|p - y|`` over the last axis.

    The value alone stores no array, for which it reads both inputs more often. A gradient has room for one.
    """
    sums = jnp.sum(jnp.minimum(probs, targets), axis=-1), jnp.sum(jnp.abs(probs - targets), axis=-1)
    return sums[0], poison(sums[1], _all_legal(probs, targets))
