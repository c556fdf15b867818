"""Both sides of the sigmoid and their logarithms, each from one exponential, and the interval of probabilities."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.typing import Array

__all__ = [
    "in_unit_interval",
    "negative_log_sigmoids",
    "sigmoid_sides",
    "times_surprise",
    "unless_absent",
    "weighted_negative_log_sigmoids",
]


@jax.custom_jvp
def negative_log_sigmoids(logits: Array) -> tuple[Array, Array]:
    """``(-log sigmoid(z), -log sigmoid(-z))``, both to full relative accuracy, from one exponential."""
    rest = jnp.log1p(jnp.exp(-jnp.abs(logits)))
    return jnp.maximum(-logits, 0) + rest, jnp.maximum(logits, 0) + rest


@negative_log_sigmoids.defjvp
def _negative_log_sigmoids_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (logits,), (tangent,) = primals, tangents
    slopes = -jax.nn.sigmoid(-logits) * tangent, jax.nn.sigmoid(logits) * tangent
    return negative_log_sigmoids(logits), slopes


def _weighted_negative_log_sigmoids_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    logits, positive, negative = primals
    value = weighted_negative_log_sigmoids(logits, positive, negative)
    slope = negative * jax.nn.sigmoid(logits) - positive * jax.nn.sigmoid(-logits)
    missed, found = negative_log_sigmoids(logits)
    shares = unless_absent(missed, positive <= 0) * tangents[1] + unless_absent(found, negative <= 0) * tangents[2]
    return value, slope * tangents[0] + shares


@with_rule(_weighted_negative_log_sigmoids_jvp)
def weighted_negative_log_sigmoids(logits: Array, positive: Array, negative: Array) -> Array:
    """``-positive log sigmoid(z) - negative log sigmoid(-z)`` for shares >= 0; one of 0 is absent at infinite logits.

    All terms are >= 0, so that none cancels, and no selection stands in front of a sum over them.
    """
    largest, size = float(jnp.finfo(logits.dtype).max), jnp.abs(logits)
    # Half of it, because XLA makes a clip of a maximum and a minimum, which it does not fuse.
    finite_part = lambda x: jnp.minimum(0.5 * jnp.maximum(x, 0), 0.5 * largest)
    half = negative * finite_part(logits) + positive * finite_part(-logits)
    # Infinite where an infinite logit has a share, 0 where it has none and for all finite ones.
    endless = jax.lax.stop_gradient(jnp.minimum(0.5 * jnp.maximum(size - largest, 0), 1e30 * half))
    return 2 * half + endless + (positive + negative) * jnp.log1p(jnp.exp(-size))


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
