"""The gap between a ratio less 1 and its logarithm, which is 0 to second order for equal arguments: no cancellation."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.typing import Array

__all__ = ["arctanh_tail", "gap", "gap_quotient"]


def arctanh_tail(square: Array, terms: int) -> Array:
    """``(arctanh(t) / t - 1) / t**2`` of ``square = t**2``, by its power series."""
    total = jnp.full_like(square, 1 / (2 * terms + 1))
    for k in range(terms - 1, 0, -1):
        total = total * square + 1 / (2 * k + 1)
    return total


def _gap_parts(p: Array, q: Array, difference: Array) -> tuple[Array, Array, Array, Array]:
    """``(is p / q in [1/2, 2], p / q - 1, t, 2 t**2 * tail)`` with ``t = (p - q) / (p + q)``, blanked if it is not."""
    near = (p >= 0.5 * q) & (q >= 0.5 * p)
    excess = quotient(difference, q)
    one = jnp.ones((), p.dtype)
    half_sum = 0.5 * jnp.where(near, p, one) + 0.5 * jnp.where(near, q, one)
    t = quotient(0.5 * jnp.where(near, difference, jnp.zeros((), p.dtype)), half_sum)
    square = jnp.square(t)
    return near, excess, t, 2 * square * arctanh_tail(square, 16 if p.dtype == jnp.float64 else 7)


def _log_ratio(p: Array, q: Array) -> Array:
    share = quotient(p, q)
    tiny = float(jnp.finfo(p.dtype).tiny)
    lost = (share < tiny) | (share > 1 / tiny)
    return jnp.where(lost, jnp.log(p) - jnp.log(q), jnp.log(jnp.where(lost, jnp.ones((), p.dtype), share)))


@jax.custom_jvp
def gap(p: Array, q: Array, difference: Array) -> Array:
    """``p / q - 1 - log(p / q)`` for positive ``p`` and ``q``, from them and ``difference = p - q``.

    Never negative and exactly 0 for equal arguments. ``difference`` is what the caller knows it to be; its
    own tangent is not looked at.
    """
    near, excess, t, tail = _gap_parts(p, q, difference)
    return jnp.where(near, t * (excess - tail), excess - _log_ratio(p, q))


@gap.defjvp
def _gap_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (p, q, difference), (dp, dq, _) = primals, tangents
    return gap(p, q, difference), quotient(difference, q) * (quotient(dp, p) - quotient(dq, q))


def gap_quotient(p: Array, q: Array, difference: Array) -> Array:
    """`gap` over ``p / q - 1``: ``1 - log(1 + x) / x`` at ``x = p / q - 1``, which is 0 at 0."""
    near, excess, _, tail = _gap_parts(p, q, difference)
    one = jnp.ones((), p.dtype)
    far = 1 - _log_ratio(jnp.where(near, one + 1, p), jnp.where(near, one, q)) / jnp.where(near, one, excess)
    close = (jnp.where(near, excess, 0 * one) - tail) / (2 + jnp.where(near, excess, 0 * one))
    return jnp.where(near, close, far)
