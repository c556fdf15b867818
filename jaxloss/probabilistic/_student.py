"""The standard Student t distribution, accurate for any degrees of freedom and any distance."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.log_ratios import gap
from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.typing import Array
from jaxloss.probabilistic._stable import half_step, log1p_quotient

__all__ = ["student_t"]


def student_t(half: Array, z: Array) -> Array:
    """The negative log-density at ``z`` of the standard t distribution with ``2 * half`` degrees of freedom."""
    return 0.5 * LOG_2PI - half_step(half) + _tail(half, z)


def _folded(half: Array, z: Array) -> tuple[Array, Array, Array, Array]:
    """``s = |z| / sqrt(2 half)``, whether it exceeds 1, the smaller of it and its inverse, and that one's square."""
    s = quotient(z, jnp.sqrt(2 * half)) * jnp.sign(z)
    far = s > 1
    small = jnp.where(far, 1 / jnp.where(far, s, jnp.ones((), s.dtype)), s)
    return s, far, small, jnp.square(small)


@jax.custom_jvp
def _tail(half: Array, z: Array) -> Array:
    """``(half + 1/2) * log(1 + z**2 / (2 half))``, without overflow, and z**2 / 2 where ``half`` is infinite."""
    s, far, _, square = _folded(half, z)
    one = jnp.ones((), z.dtype)
    near_z = jnp.where(far, 0 * one, z)
    close = 0.5 * (1 + quotient(0.5 * jnp.ones_like(half), half)) * near_z * near_z * log1p_quotient(square)
    heavy, reached = (jnp.where(far, x, one) for x in (half, s))
    return jnp.where(far, (heavy + 0.5) * (jnp.log1p(square) + 2 * jnp.log(reached)), close)


@_tail.defjvp
def _tail_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (half, z), (dhalf, dz) = primals, tangents
    s, far, small, square = _folded(half, z)
    one = jnp.ones((), z.dtype)
    share = jnp.where(far, 1, square) / (1 + square)
    # d/dhalf is log(1 + q) - (1 + 1 / (2 half)) q / (1 + q) with q = s**2; its first two terms nearly cancel.
    log_distance = jnp.log1p(square) + 2 * jnp.log(jnp.where(far, s, one))
    close = gap(jnp.ones_like(square), 1 + square, -square)
    by_half = jnp.where(far, log_distance - share, close) - quotient(0.5 * share, half)
    root = jnp.where(far, jnp.sqrt(2 * half), one)
    outside = (root + 1 / root) * jnp.sign(z) * small
    inside = (1 + quotient(0.5 * jnp.ones_like(half), half)) * jnp.where(far, 0, z)
    by_z = jnp.where(far, outside, inside) / (1 + square)
    return _tail(half, z), by_half * dhalf + by_z * dz
