"""The exponential less its tangent at 0, and the relative entropy of single entries that is made of it."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._typing import Array

__all__ = ["exp_excess", "relative_entropy"]

_SERIES = tuple(1 / math.factorial(k + 2) for k in range(17))
"""Coefficients of ``(exp(x) - 1 - x) / x**2``: full float64 precision for ``|x| <= 1``."""

_FAR = 20.0
"""Log-ratio beyond which the terms of a relative entropy differ so much that they do not cancel."""


@jax.custom_jvp
def exp_excess(x: Array) -> Array:
    """``exp(x) - 1 - x`` to full relative accuracy, also near 0 where it is ``x**2 / 2``; its slope is ``expm1``."""
    near = jnp.abs(x) < 1
    small = jnp.where(near, x, jnp.zeros((), x.dtype))
    series = jnp.full_like(x, _SERIES[-1])
    for coefficient in reversed(_SERIES[:-1]):
        series = series * small + coefficient
    return jnp.where(near, jnp.square(small) * series, jnp.expm1(x) - x)


exp_excess.defjvps(lambda tangent, _, x: tangent * jnp.expm1(x))


def relative_entropy(p: Array, log_p: Array, log_q: Array) -> Array:
    """``p log(p / q) - p + q`` entry by entry: never negative, 0 only at ``p = q``, ``q`` where ``p`` is 0.

    Summed over normalised distributions it is the Kullback-Leibler divergence, without its cancellation: it is
    ``p`` times the excess of ``exp(log q - log p)``.
    """
    zero, q = jnp.zeros((), p.dtype), jnp.exp(log_q)
    absent = (p == 0) & (log_q < jnp.inf)
    ratio = jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p)
    near = jnp.abs(ratio) < _FAR
    close = p * exp_excess(jnp.where(near, ratio, zero))
    apart = q - p - p * jnp.where(near, zero, ratio)
    return jnp.where(absent, q, jnp.where(near, close, apart))
