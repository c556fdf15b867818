"""Divergence of a Dirichlet distribution from the uniform one, accurate however little or much evidence there is.

The textbook form is a difference of log-gammas, each of the size of the total evidence times its logarithm, while
the result grows with the logarithm only and vanishes with the square of the evidence: float32 keeps nothing of it
at either end. With

    h_a(x) = x digamma(a + x) - log gamma(a + x) + log gamma(a) >= 0,

the divergence of Dirichlet(1 + x) is sum_k h_1(x_k) - h_K(sum_k x_k). By the recurrence of the gamma function
h_a(x) = h_{a + 1}(x) + log(1 + u) - u / (1 + u) with u = x / a, and from a = 10 on Stirling's series in 1 / a ends
below the rounding of float64. Its leading term, a (u - log(1 + u)), holds x itself; the sum over k cancels that
exactly, so where there is much evidence it is left out.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.separate import as_one_loop
from jaxloss._floor.maths.special.gamma_slopes import trigamma_excess
from jaxloss._floor.typing import Array

__all__ = ["divergence_from_uniform"]

START = 10
"""The argument from which Stirling's series is used."""

STIRLING = {1: 1 / 12, 3: -1 / 360, 5: 1 / 1260, 7: -1 / 1680, 9: 1 / 1188, 11: -691 / 360360}
"""The coefficient of every power of 1 / a in the series of log gamma(a)."""


@jax.jit  # outside jit its hundreds of operations would be dispatched, and compiled for each shape, one by one
def divergence_from_uniform(evidence: Array) -> Array:
    """``KL(Dirichlet(1 + evidence) || Dirichlet(1))`` over the last axis; evidence >= 0; exactly 0 without any."""
    classes = evidence.shape[-1]
    total = jnp.sum(evidence, axis=-1)
    much = total > classes
    each = as_one_loop(_excess(1, evidence, jnp.broadcast_to(much[..., None], evidence.shape)))
    values = jnp.sum(each, axis=-1) - _excess(classes, total, much)
    return jnp.where(values < 0, jnp.zeros((), values.dtype), values)


def _excess_jvp(start: int, primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    """The slope of ``h_start(x)`` is ``x`` times the trigamma function of ``start + x``, a sum of positive terms."""
    x, much = apart_on_cpu(*primals)
    last = max(start, START)
    inverse = 1 / (x + last)
    steps = (1 / (x + step) for step in range(start, last))
    near = sum(((x * step) * step for step in steps), jnp.zeros((), x.dtype))
    rest = jnp.where(much, -last * inverse, x * inverse)
    return _excess(start, *primals), (near + (rest + (x * inverse) * trigamma_excess(inverse))) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _excess(start: int, x: Array, much: Array) -> Array:
    """``h_start(x)``, less ``x`` where there is ``much``."""
    last = max(start, START)
    first = sum((_logarithms(x / step)[0] for step in range(start, last)), jnp.zeros((), x.dtype))
    u = x / last
    step, lead, share = _logarithms(u)
    lead = jnp.where(much, -jnp.log1p(u), lead)
    return first + last * lead + 0.5 * step + jnp.square(share) * _remainder(1 / (1 + u), last)


_excess.defjvp(_excess_jvp)


def _logarithms(u: Array) -> tuple[Array, Array, Array]:
    """``log(1 + u) - u / (1 + u)``, ``u - log(1 + u)`` and ``u / (1 + u)``, accurate for all ``u >= 0``."""
    near = u < 1
    low, high = jnp.where(near, u, jnp.zeros((), u.dtype)), jnp.where(near, jnp.ones((), u.dtype), u)
    half = low / (2 + low)  # log(1 + u) = 2 artanh(half)
    terms = 16 if u.dtype == jnp.float64 else 8
    cubic = 2 * half * jnp.square(half) * _horner([1 / (2 * k + 3) for k in range(terms)], jnp.square(half))
    share, rest, log = low / (1 + low), 1 / (1 + high), jnp.log1p(high)
    return (
        jnp.where(near, half * share + cubic, log - 1 + rest),
        jnp.where(near, half * low - cubic, high - log),
        jnp.where(near, share, 1 - rest),
    )


def _remainder(q: Array, last: int) -> Array:
    """What Stirling's series adds to ``h_last``, over the square of ``1 - q``; ``q = last / (last + x)``."""
    by_power = {p: b * float(last) ** -p for p, b in STIRLING.items()}
    return _horner([(i + 1) * sum(b for p, b in by_power.items() if p > i) for i in range(max(STIRLING))], q)


def _horner(coefficients: list[float], x: Array) -> Array:
    """The polynomial with these coefficients, lowest power first."""
    result = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result
