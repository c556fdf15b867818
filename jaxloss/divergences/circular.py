r"""The Kullback-Leibler divergence of von Mises distributions, from directions and concentrations.

Its part that is due to the concentrations is the Bregman divergence of the logarithm of a Bessel function,

.. math:: B(a, b) = \log I_0(b) - \log I_0(a) - A(a) (b - a) = \int_a^b (b - t) \, A'(t) \, dt, \qquad
          A(t) = \frac{I_1(t)}{I_0(t)}

Where b is near a, the terms cancel, and the integral is taken instead. Elsewhere the largest part of it, the divergence
of :math:`-\tfrac12 \log(1 + 2 t)`, is taken in a form that does not cancel.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap
from jaxloss._floor.maths.numerics import difference, quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.bessel import bessel_remainder, cosine_variance, resultant, resultant_rest
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["von_mises_kl"]

NODES = [
    [(float(0.5 + 0.5 * x), float(0.5 * w)) for x, w in zip(*np.polynomial.legendre.leggauss(n), strict=True)]
    for n in (6, 12)
]
"""Places in [0, 1] and weights of Gauss-Legendre quadrature: for float32 and for float64."""


def _curvatures(a: Array, b: Array) -> tuple[Array, Array, Array, Array]:
    """Whether b is near a, their distance in units of ``1 + a``, and means of the curvature from a to b in such units.

    The second of the means weighs the curvature by twice what is left of the way.
    """
    step = difference(b, a)
    near = ((b > 0.5 * a) & (b < 2 * a)) | ((a < 2) & (b < 2))
    step = jnp.where(near, step, jnp.zeros((), a.dtype))
    share = quotient(step, 1 + a)
    mean = late = jnp.zeros((), a.dtype)
    for place, weight in NODES[a.dtype == jnp.float64]:
        curvature = weight * (cosine_variance(a + place * step) / jnp.square(1 + place * share))
        mean, late = mean + curvature, late + (2 * (1 - place)) * curvature
    return near, share, mean, late


def _bregman_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (a, b), (a_dot, b_dot) = primals, tangents
    near, share, mean, _ = _curvatures(a, b)
    in_b = jnp.where(near, quotient(share * mean, 1 + a), resultant_rest(a) - resultant_rest(b))
    in_a = quotient(cosine_variance(a), 1 + a) * quotient(difference(b, a), 1 + a)
    return _bregman(a, b), in_b * b_dot - in_a * a_dot


@with_rule(_bregman_jvp)
def _bregman(a: Array, b: Array) -> Array:
    """``B(a, b)`` of numbers >= 0: never negative, and exactly 0 where they are equal."""
    near, share, _, late = _curvatures(a, b)
    step, one = difference(b, a), jnp.ones((), a.dtype)
    rest = bessel_remainder(b) - bessel_remainder(a) + (resultant_rest(a) - quotient(one, 1 + 2 * a)) * step
    far = 0.5 * gap(1 + 2 * b, 1 + 2 * a, 2 * step) + rest
    return jnp.where(near, 0.5 * jnp.square(share) * late, far)


def von_mises_kl(
    locations_p: ArrayLike,
    concentrations_p: ArrayLike,
    locations_q: ArrayLike,
    concentrations_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of two von Mises distributions of angles, ``p`` the first argument.

    .. math:: \ell = \log \frac{I_0(\kappa_q)}{I_0(\kappa_p)} + A(\kappa_p) \left( \kappa_p
              - \kappa_q \cos(\mu_p - \mu_q) \right), \qquad A(\kappa) = \frac{I_1(\kappa)}{I_0(\kappa)}

    Taken without cancellation for concentrations that are nearly equal, and for large ones, where this formula
    subtracts terms of the size of :math:`\kappa`. There the loss is that of two normal distributions with variances
    :math:`1 / \kappa`. Several angles are independent: their divergences add up.

    Args:
        locations_p: Mean directions :math:`\mu_p` in radians, any turn of them; shape ``[...]``, floating.
        concentrations_p: Concentrations :math:`\kappa_p \ge 0`, shape ``[...]``, the same; 0 is the uniform
            distribution; NaN below. Never broadcast.
        locations_q: Mean directions :math:`\mu_q` in radians, shape ``[...]``, the same.
        concentrations_q: Concentrations :math:`\kappa_q \ge 0`, shape ``[...]``, the same; NaN below.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> angles, twos = jnp.array([0.0, jnp.pi]), jnp.array([2.0, 2.0])
        >>> divergence = jaxloss.von_mises_kl(jnp.zeros(2), twos, angles, twos, reduction="none")
        >>> print([f"{x:.4f}" for x in divergence])
        ['0.0000', '2.7911']

    Reference:
        Mardia and Jupp (2000), Directional Statistics, section 3.5.4. https://doi.org/10.1002/9780470316979
    """
    p, a, q, b = checks.floating(
        locations_p=locations_p,
        concentrations_p=concentrations_p,
        locations_q=locations_q,
        concentrations_q=concentrations_q,
    )
    checks.same_shape(locations_p=p, concentrations_p=a, locations_q=q, concentrations_q=b)
    p, a, q, b = blank(where, p, a, q, b)
    a, b = (
        value_checks.within_domain(x, x >= 0, f"{name} must be >= 0")
        for name, x in {"concentrations_p": a, "concentrations_q": b}.items()
    )
    turned = 2 * (b * resultant(a)) * jnp.square(jnp.sin(0.5 * difference(p, q)))
    return reduce(_bregman(a, b) + turned, where=where, weights=weights, reduction=reduction)
