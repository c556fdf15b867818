"""A predicted and a true membership side by side: what they share, and how far they are apart.

Sums over these follow. XLA on CPU fuses magnitudes, minima, products and sigmoids into a sum and stores a full array
for every selection in front of one, so the selections stand in the rules of the derivatives. Its fused minima may
lose a NaN; the magnitudes keep it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import magnitude
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.sigmoids import sigmoid_sides
from jaxloss._floor.typing import Array

__all__ = ["all_in_unit_interval", "compare_logits", "compare_probs"]

Pair = tuple[Array, Array]


def all_in_unit_interval(memberships: Array) -> Array:
    """Whether all entries of the last axis are in [0, 1]; what it says of NaN may be either."""
    # Negative outside. A least one is what it takes, but XLA on CPU is many times as fast at sums.
    room = jax.lax.stop_gradient(memberships - jnp.square(memberships))
    return jnp.logical_not(jnp.sum(jnp.abs(room) - room, axis=-1) > 0)


def _sign(x: Array, y: Array) -> Array:
    """The sign of ``x - y``, or NaN; a product in front leaves a residue in a difference and none in a comparison."""
    one = jnp.ones((), x.dtype)
    return jnp.where(x > y, one, jnp.where(x < y, -one, 0 * (y - x)))


def _shared_dot(probs: Array, targets: Array, probs_dot: Array, targets_dot: Array) -> Array:
    """The derivative of the minimum, halved at equality."""
    share = 0.5 - 0.5 * _sign(probs, targets)
    return share * probs_dot + (1 - share) * targets_dot


def _compare_probs_jvp(primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    distance_dot = _sign(*primals) * (tangents[0] - tangents[1])
    return compare_probs(*primals), (_shared_dot(*primals, *tangents), distance_dot)


@with_rule(_compare_probs_jvp)
def compare_probs(probs: Array, targets: Array) -> Pair:
    """``(min(p, y), |p - y|)``; where they are equal, the slope of the distance is 0."""
    return jnp.minimum(probs, targets), magnitude(probs - targets)


def _compare_logits_jvp(primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    logits, targets = primals
    probs, rests = sigmoid_sides(logits)
    probs_dot = probs * rests * tangents[0]
    # Other terms than those of the value: XLA on CPU stores what the two have in common.
    distance_dot = _sign((1 - targets) * probs, targets * rests) * (probs_dot - tangents[1])
    return compare_logits(logits, targets), (_shared_dot(probs, targets, probs_dot, tangents[1]), distance_dot)


@with_rule(_compare_logits_jvp)
def compare_logits(logits: Array, targets: Array) -> Pair:
    """`compare_probs` of the sigmoid, with full relative accuracy for the distance of a confident one."""
    probs, rests = jax.nn.sigmoid(logits), jax.nn.sigmoid(-logits)
    # Without a constant, which XLA on CPU would store for every pixel; exact for targets of 0 and 1.
    return jnp.minimum(probs, targets), magnitude((probs - targets * probs) - targets * rests)
