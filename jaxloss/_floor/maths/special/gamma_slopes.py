"""The digamma and trigamma functions of positive numbers: the derivatives of the logarithm of the gamma function.

All terms of the trigamma function are positive, and those of a derivative have one sign, so that it keeps its digits to
any order. JAX's own goes through the zeta function, which takes many times as long to compile and to run.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.normal_tails import polynomial
from jaxloss._floor.typing import Array

__all__ = ["digamma", "trigamma", "trigamma_excess"]

STEPS = {False: 4, True: 9}
"""How far the argument is moved, in float32 and in float64: from there on the series ends below rounding."""

BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]
"""Bernoulli numbers of even index, from the second on."""


def trigamma(x: Array) -> Array:
    r"""``sum_k 1 / (x + k)**2`` for ``x > 0``.

    .. math:: \psi'(x) = \sum_{k < n} \frac{1}{(x + k)^2} + \frac1y + \frac1{2 y^2} + \sum_j \frac{B_{2j}}{y^{2j + 1}},
              \qquad y = x + n
    """
    steps = STEPS[x.dtype == jnp.float64]
    inverse = 1 / (x + steps)
    rest = inverse * (1 + trigamma_excess(inverse))
    return sum((jnp.square(1 / (x + k)) for k in reversed(range(steps))), rest)


def trigamma_excess(inverse: Array) -> Array:
    """What ``x`` times the trigamma function exceeds 1 by, from ``1 / x``; ``x`` is at least the `STEPS`."""
    square = jnp.square(inverse)
    return 0.5 * inverse + square * polynomial(BERNOULLI, square)


def _digamma_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return digamma(*primals), trigamma(*primals) * tangents[0]


@with_rule(_digamma_jvp)
def digamma(x: Array) -> Array:
    """JAX's, with the slope above."""
    return jax.lax.digamma(x)
