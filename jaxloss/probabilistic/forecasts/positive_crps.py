"""Continuous ranked probability scores, in closed form, of distributions of positive quantities."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import exp_excess, quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.normal_tails import mills_ratio
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["exponential_crps", "log_normal_crps"]

FAR = 800.0
"""Targets, in means, from which on ``z * exp(-z)`` is 0 in float64."""

NODES = [
    [(float(0.5 + 0.5 * x), float(0.5 * w)) for x, w in zip(*np.polynomial.legendre.leggauss(n), strict=True)]
    for n in (4, 8)
]
"""Places in [0, 1] and weights of Gauss-Legendre quadrature of a normal density over less than a standard deviation."""


def exponential_crps(
    means: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of an exponential distribution, in closed form.

    .. math:: \ell = y + 2 \mu \, e^{-y / \mu} - \tfrac32 \mu

    For waiting times and amounts. scoringrules takes the rate :math:`1 / \mu`.

    Args:
        means: Shape ``[...]``, floating, the means :math:`\mu`; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; >= 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar > 0, in units of ``targets``; at least 0.1931 :math:`\mu`, where the target is the median.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> values = jaxloss.exponential_crps(jnp.ones(2), jnp.array([0.0, 2.0]), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.5000', '0.7707']

    Reference:
        Jordan, Krüger and Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules.
        https://doi.org/10.18637/jss.v090.i12
    """
    means, targets = checks.values(means=means, targets=targets)
    means, targets = blank(where, means, targets, fill=1)
    valid = (means > 0) & (targets >= 0)
    values = value_checks.within_domain(_exponential(means, targets), valid, "means must be > 0, targets >= 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _exponential_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (mean, target), (mean_dot, target_dot) = primals, tangents
    z = jnp.minimum(quotient(target, mean), FAR)
    rest = 2 * jnp.exp(-z)
    return _exponential(mean, target), (rest * (1 + z) - 1.5) * mean_dot + (1 - rest) * target_dot


@with_rule(_exponential_jvp)
def _exponential(mean: Array, target: Array) -> Array:
    """By its distance from the median, log(2) means, where it is least: a sum of terms that are not negative."""
    z = quotient(target, mean)
    near = z < FAR
    excess = exp_excess(math.log(2) - jnp.where(near, z, jnp.zeros((), z.dtype)))
    return jnp.where(near, mean * (excess + (math.log(2) - 0.5)), target - 1.5 * mean)


def log_normal_crps(
    locations: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of a log-normal distribution, in closed form.

    .. math:: \ell = y \left( 2 \Phi(\omega) - 1 \right) - 2 e^{\mu + \sigma^2 / 2} \left( \Phi(\omega - \sigma)
              + \Phi \Big( \frac{\sigma}{\sqrt 2} \Big) - 1 \right), \qquad \omega = \frac{\log y - \mu}{\sigma}

    For amounts whose logarithm is normal, scored in their own units. The terms of the formula, each of the size of the
    target, cancel where :math:`\sigma` is small, and overflow where it is large; here they do neither.

    Args:
        locations: Shape ``[...]``, floating, the means :math:`\mu` of the logarithm.
        scales: Shape ``[...]``, the same; the standard deviations :math:`\sigma` of the logarithm; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; >= 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar > 0, in units of ``targets``.

    Raises:
        TypeError: If ``locations`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> values = jaxloss.log_normal_crps(jnp.zeros(2), jnp.ones(2), jnp.array([1.0, 4.0]), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.2674', '1.9834']

    Reference:
        Baran and Lerch (2015), Log-Normal Distribution Based Ensemble Model Output Statistics Models for Probabilistic
        Wind-Speed Forecasting. https://doi.org/10.1002/qj.2521
    """
    locations, scales, targets = checks.values(locations=locations, scales=scales, targets=targets)
    locations, scales, targets = blank(where, locations, scales, targets, fill=1)
    valid = (scales > 0) & (targets >= 0)
    values = value_checks.within_domain(
        _log_normal(locations, scales, targets), valid, "scales must be > 0, targets >= 0"
    )
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _density(z: Array) -> Array:
    return jnp.exp(-0.5 * jnp.square(z)) / math.sqrt(2 * math.pi)


def _standardised(location: Array, scale: Array, target: Array) -> tuple[Array, Array, Array]:
    """The log-target from its mean, the same in standard deviations, and the target times the density of that."""
    log_error = jnp.log(target) - location
    z = quotient(log_error, scale)
    return log_error, z, target * _density(z)


def _partial_means(location: Array, scale: Array, z: Array, bell: Array) -> Array:
    """``exp(location + scale**2 / 2) * (Phi(z - scale) - Phi(-scale / sqrt(2)))``, by Mills ratios."""
    far = z > scale
    tail = bell * mills_ratio(jnp.where(far, z - scale, scale - z))
    whole = jnp.exp(location + 0.5 * jnp.square(jnp.where(far, scale, 0)))
    half = _half_density(location, scale) * mills_ratio(scale * math.sqrt(0.5))
    return jnp.where(far, whole - tail, tail) - half


def _half_density(location: Array, scale: Array) -> Array:
    """``exp(location + scale**2 / 2)`` times the normal density at ``scale / sqrt(2)``."""
    return jnp.exp(location + jnp.square(0.5 * scale)) / math.sqrt(2 * math.pi)


def _log_normal_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (location, scale, _), (location_dot, scale_dot, target_dot) = primals, tangents
    _, z, bell = _standardised(*primals)
    partial = _partial_means(location, scale, z, bell)
    in_scale = 2 * (bell - scale * partial) - math.sqrt(2) * _half_density(location, scale)
    slope = jax.lax.erf(z * math.sqrt(0.5)) * target_dot - 2 * partial * location_dot + in_scale * scale_dot
    return _log_normal(*primals), slope


@with_rule(_log_normal_jvp)
def _log_normal(location: Array, scale: Array, target: Array) -> Array:
    log_error, z, bell = _standardised(location, scale, target)
    sign = jax.lax.erf(z * math.sqrt(0.5))
    wide = target * sign - 2 * _partial_means(location, scale, z, bell)
    # Where the distribution is narrow, all terms are of the size of the scale.
    narrow = scale < 1
    part = jnp.where(narrow, scale, jnp.ones((), scale.dtype))
    mass = sum(weight * _density(z - place * part) for place, weight in NODES[scale.dtype == jnp.float64])
    growth = jnp.expm1(0.5 * jnp.square(part))
    lower = 0.5 * jax.lax.erfc((part - z) * math.sqrt(0.5)) - 0.5 * jax.lax.erfc(0.5 * part)
    close = jnp.expm1(log_error) * sign + 2 * part * mass - jax.lax.erf(0.5 * part) - 2 * growth * lower
    return jnp.where(narrow, jnp.exp(location) * close, wide)
