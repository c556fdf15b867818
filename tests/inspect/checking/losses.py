"""Losses as users write them, good and bad."""

from __future__ import annotations

import jax
import jax.numpy as jnp

import jaxloss


def good(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = jaxloss.checks.values(predictions=predictions, targets=targets)
    predictions, targets = jaxloss.blank(where, predictions, targets)
    distance = jnp.abs(predictions - targets)
    near = jnp.minimum(distance, 1.0)
    values = near * (distance - 0.5 * near)
    return jaxloss.reduce(values, where=where, weights=weights, reduction=reduction)


def log_error(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = jaxloss.checks.values(predictions=predictions, targets=targets)
    predictions, targets = jaxloss.blank(where, predictions, targets, fill=1)
    values = jnp.square(jnp.log(predictions) - jnp.log(targets))
    return jaxloss.reduce(values, where=where, weights=weights, reduction=reduction)


def masked_too_late(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = jaxloss.checks.values(predictions=predictions, targets=targets)
    predictions, targets = jaxloss.blank(None, predictions, targets)
    values = jnp.square(jnp.log(predictions) - jnp.log(targets))
    values = values if where is None else jnp.where(where, values, 0)
    return jaxloss.reduce(values, where=where, weights=weights, reduction=reduction)


def clipped_cross_entropy(z):
    return -jnp.log(jnp.clip(jax.nn.sigmoid(z), 1e-7, 1.0))


def sigmoid_squared_error(z):
    return (1 - jax.nn.sigmoid(z)) ** 2


def ripple(r):
    return r * r + jnp.sin(4 * r)


def straight_through(r):
    return jnp.abs(r) + jax.lax.stop_gradient(jnp.sin(3 * r))
