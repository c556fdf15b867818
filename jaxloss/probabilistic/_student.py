"""The standard Student t distribution, accurate for any degrees of freedom and any distance."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths.log_ratios import gap
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.maths.separate import with_slopes
from jaxloss._floor.maths.special.gamma_differences import digamma_half_step
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.typing import Array
from jaxloss.probabilistic._stable import half_step, log1p_quotient

__all__ = ["student_t"]


def _folded(half: Array, z: Array) -> tuple[Array, Array, Array, Array]:
    """``s = |z| / sqrt(2 half)``, whether it exceeds 1, the smaller of it and its inverse, and that one's square."""
    s = quotient(z, jnp.sqrt(2 * half)) * jnp.sign(z)
    far = s > 1
    small = jnp.where(far, 1 / jnp.where(far, s, jnp.ones((), s.dtype)), s)
    return s, far, small, jnp.square(small)


def _in_half(half: Array, z: Array) -> Array:
    s, far, _, square = _folded(half, z)
    # That of the tail is log(1 + q) - (1 + 1 / (2 half)) q / (1 + q) with q = s**2; its first two terms nearly cancel.
    share = jnp.where(far, 1, square) / (1 + square)
    logarithm = log1p_near(square) + 2 * jnp.log(jnp.where(far, s, jnp.ones((), s.dtype)))
    close = gap(jnp.ones_like(square), 1 + square, -square)
    return jnp.where(far, logarithm - share, close) - (quotient(0.5 * share, half) + digamma_half_step(half))


def _in_z(half: Array, z: Array) -> Array:
    _, far, small, square = _folded(half, z)
    root = jnp.where(far, jnp.sqrt(2 * half), jnp.ones((), z.dtype))
    outside = (root + 1 / root) * jnp.sign(z) * small
    inside = (1 + quotient(0.5 * jnp.ones_like(half), half)) * jnp.where(far, 0, z)
    return jnp.where(far, outside, inside) / (1 + square)


@with_slopes(_in_half, _in_z)
def student_t(half: Array, z: Array) -> Array:
    """The negative log-density at ``z`` of the standard t distribution with ``2 * half`` degrees of freedom."""
    return 0.5 * LOG_2PI - half_step(half) + _tail(half, z)


def _tail(half: Array, z: Array) -> Array:
    """``(half + 1/2) * log(1 + z**2 / (2 half))``, without overflow, and z**2 / 2 where ``half`` is infinite."""
    s, far, _, square = _folded(half, z)
    one = jnp.ones((), z.dtype)
    near_z = jnp.where(far, 0 * one, z)
    close = 0.5 * (1 + quotient(0.5 * jnp.ones_like(half), half)) * near_z * near_z * log1p_quotient(square)
    heavy, reached = (jnp.where(far, x, one) for x in (half, s))
    return jnp.where(far, (heavy + 0.5) * (log1p_near(square) + 2 * jnp.log(reached)), close)
