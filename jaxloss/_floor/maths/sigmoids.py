"""Both sides of the sigmoid and their logarithms, each from one exponential, and the interval of probabilities."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array

__all__ = [
    "in_unit_interval",
    "logit_sides",
    "negative_log_sigmoid",
    "negative_log_sigmoids",
    "sigmoid_sides",
    "times_surprise",
    "unless_absent",
    "weighted_negative_log_sigmoids",
]


@jax.custom_jvp
def negative_log_sigmoids(logits: Array) -> tuple[Array, Array]:
    """``(-log sigmoid(z), -log sigmoid(-z))``, both to full relative accuracy, from one exponential."""
    rest = log1p_near(jnp.exp(-jnp.abs(logits)))
    return jnp.maximum(-logits, 0) + rest, jnp.maximum(logits, 0) + rest


@negative_log_sigmoids.defjvp
def _negative_log_sigmoids_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (logits,), (tangent,) = primals, tangents
    slopes = -jax.nn.sigmoid(-logits) * tangent, jax.nn.sigmoid(logits) * tangent
    return negative_log_sigmoids(logits), slopes


@jax.custom_jvp
def negative_log_sigmoid(logits: Array) -> Array:
    """``-log sigmoid(z)`` to full relative accuracy; one loop on a CPU, since a selection is its last step."""
    size = jnp.abs(logits)  # not by a selection, which XLA on CPU would store for both of its uses
    rest = log1p_near(jnp.exp(-size))
    return jnp.where(logits >= 0, rest, size + rest)


negative_log_sigmoid.defjvps(lambda tangent, _, logits: -jax.nn.sigmoid(-logits) * tangent)


def _weighted_negative_log_sigmoids_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    logits, positive, negative = primals
    value = weighted_negative_log_sigmoids(logits, positive, negative)
    up, _, small = logit_sides(logits)
    slope = jnp.where(up, negative - positive * small, negative * small - positive) / (1 + small)
    missed, found = negative_log_sigmoids(logits)
    shares = unless_absent(missed, positive <= 0) * tangents[1] + unless_absent(found, negative <= 0) * tangents[2]
    return value, slope * tangents[0] + shares


@with_rule(_weighted_negative_log_sigmoids_jvp)
def weighted_negative_log_sigmoids(logits: Array, positive: Array, negative: Array) -> Array:
    """``-positive log sigmoid(z) - negative log sigmoid(-z)`` for shares >= 0; one of 0 is absent at infinite logits.

    All terms are >= 0, so that none cancels. A selection is the last step: XLA on CPU computes what is in front of it
    in one loop, in less time than inside of a sum, where it takes the steps one by one.
    """
    up, size, small = logit_sides(logits)
    both = (positive + negative) * log1p_near(small)
    with_lead = lambda share: both + share * jnp.where(share <= 0, jnp.zeros((), size.dtype), size)
    return jnp.where(up, with_lead(negative), with_lead(positive))


def logit_sides(logits: Array) -> tuple[Array, Array, Array]:
    """Whether ``z >= 0``, ``|z|`` and ``exp(-|z|)``, of one side at 0 too, so that derivatives agree."""
    up = logits >= 0
    size = jnp.where(up, logits, -logits)
    return up, size, jnp.exp(-size)


def unless_absent(surprise: Array, absent: Array) -> Array:
    """``surprise`` with 0 in the place of an infinite one where its share is ``absent``, so that their product is 0.

    Ask whether the share is absent of the numbers that the loss was given: a computed one may be off by its rounding.
    """
    return jnp.where(absent & jnp.isinf(surprise), jnp.zeros((), surprise.dtype), surprise)


def times_surprise(share: Array, surprise: Array) -> Array:
    """``share * surprise`` for a share that goes to a constant where the surprise goes to infinity, as a sigmoid does.

    The slope of such a share is 0 at infinity, and 0 times an infinite surprise would be NaN.
    """
    endless = jnp.isinf(surprise)
    there = jax.lax.stop_gradient(share) * surprise
    return jnp.where(endless, there, share * jnp.where(endless, jnp.zeros((), surprise.dtype), surprise))


def in_unit_interval(values: Array) -> Array:
    """NaN, in value and gradient, outside [0, 1]."""
    return poison(values, (values >= 0) & (values <= 1))


@jax.custom_jvp
def sigmoid_sides(logits: Array) -> tuple[Array, Array]:
    """``(sigmoid(z), sigmoid(-z))``, both to full relative accuracy, from one exponential."""
    small = jnp.exp(-jnp.abs(logits))
    one = jnp.ones((), logits.dtype)
    up = logits >= 0
    return jnp.where(up, one, small) / (1 + small), jnp.where(up, small, one) / (1 + small)


@sigmoid_sides.defjvp
def _sigmoid_sides_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    sides = sigmoid_sides(*primals)
    slope = sides[0] * sides[1] * tangents[0]
    return sides, (slope, -slope)
