"""Logarithms of the sigmoid and of one minus the sigmoid, from one exponential."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["negative_log_sigmoids"]


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
