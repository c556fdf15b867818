"""Likelihoods and deviances of positive quantities: errors that count in proportion."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap, log_ratio
from jaxloss._floor.maths.numerics import difference, quotient
from jaxloss._floor.maths.separate import separate, with_slopes
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.probabilistic._stable import stirling_error

__all__ = ["gamma_deviance", "gamma_nll", "tweedie_deviance"]

NODES = [
    [(float(0.5 + 0.5 * x), float(0.5 * w)) for x, w in zip(*np.polynomial.legendre.leggauss(n), strict=True)]
    for n in (7, 13)
]
"""Nodes in [0, 1] and weights of Gauss-Legendre quadrature: for float32 and for float64."""


def gamma_nll(
    means: ArrayLike,
    shapes: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a gamma distribution with predicted mean and shape.

    .. math:: \ell = k \left( \frac{y}{\mu} + \log \mu \right) - k \log k + \log \Gamma(k) - (k - 1) \log y

    The shape is the inverse of the squared coefficient of variation: the standard deviation is
    :math:`\mu / \sqrt k`. With a fixed shape the gradient in the mean is that of `gamma_deviance` up to a factor.

    Args:
        means: Shape ``[...]``, floating; > 0, NaN otherwise.
        shapes: Shape ``[...]``, the same; :math:`k` > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; > 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gamma_nll(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0]), jnp.array([3.0, 2.0]), reduction="none")
        Array([3.       , 1.6931472], dtype=float32)

    Reference:
        McCullagh and Nelder (1989), Generalized Linear Models, chapter 8. https://doi.org/10.1201/9780203753736
    """
    means, shapes, targets = checks.values(means=means, shapes=shapes, targets=targets)
    means, shapes, targets = blank(where, means, shapes, targets, fill=1)
    values = _gamma_nll(means, shapes, targets)
    valid = (means > 0) & (shapes > 0) & (targets > 0)
    values = value_checks.within_domain(values, valid, "means, shapes and targets must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _gamma_nll(means: Array, shapes: Array, targets: Array) -> Array:
    perfect = stirling_error(shapes) + 0.5 * (LOG_2PI - jnp.log(shapes)) + jnp.log(targets)
    return shapes * gap(targets, means, targets - means) + perfect


def gamma_deviance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Deviance of the gamma distribution: depends only on the ratio of prediction and target.

    .. math:: \ell = 2 \left( \frac{y}{\mu} - \log \frac{y}{\mu} - 1 \right)

    Args:
        predictions: Shape ``[...]``, floating, the means :math:`\mu`; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; > 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without unit; 0 exactly at a perfect fit, close to the squared relative error near it.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gamma_deviance(jnp.array([1.0, 2.0]), jnp.array([2.0, 2.0]), reduction="none")
        Array([0.61370564, 0.        ], dtype=float32)

    Reference:
        McCullagh and Nelder (1989), Generalized Linear Models, chapter 8. https://doi.org/10.1201/9780203753736
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets, fill=1)
    values = 2 * gap(targets, predictions, targets - predictions)
    values = value_checks.within_domain(
        values, (predictions > 0) & (targets > 0), "predictions and targets must be > 0"
    )
    return reduce(values, where=where, weights=weights, reduction=reduction)


def tweedie_deviance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    power: Scalar = 1.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Deviance of the Tweedie family, whose variance is a power of the mean.

    .. math:: \ell = 2 \int_\mu^y \frac{y - u}{u^p} \, du = 2 \left( \frac{y^{2 - p}}{(1 - p)(2 - p)}
              - \frac{y \, \mu^{1 - p}}{1 - p} + \frac{\mu^{2 - p}}{2 - p} \right)

    Between 1 and 2 the distribution has a point mass at 0 and a density above it: insurance claims, rain,
    sales. The limits at 0 (squared error), 1 (Poisson) and 2 (`gamma_deviance`) are taken smoothly, also when
    ``power`` is traced. Between 0 and 1 there is no such distribution; the deviance is a loss all the same.

    Args:
        predictions: Shape ``[...]``, floating, the means :math:`\mu`; > 0, NaN otherwise, for any power.
        targets: Shape ``[...]``, the same; floating or integer; > 0, and 0 too if ``power`` < 2; NaN otherwise.
        power: The power :math:`p` >= 0 of the mean in the variance.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets`` to the power 2 - p; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``power`` is negative.

    Example:
        >>> jaxloss.tweedie_deviance(jnp.array([1.0, 4.0]), jnp.array([0.0, 4.0]), reduction="none")
        Array([4., 0.], dtype=float32)

    Reference:
        Jorgensen (1987), Exponential Dispersion Models. https://doi.org/10.1111/j.2517-6161.1987.tb01685.x
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets, fill=1)
    power = checks.scalar("power", power, predictions.dtype, at_least=0)
    exponent = jnp.asarray(power, predictions.dtype)
    legal = (predictions > 0) & ((targets > 0) | ((targets == 0) & (exponent < 2)))
    message = "predictions must be > 0, and targets too, or 0 if power < 2"
    values = value_checks.within_domain(_tweedie(predictions, targets, exponent), legal, message)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _in_mean(mean: Array, target: Array, power: Array) -> Array:
    return 2 * jnp.power(mean, 1 - power) * quotient(difference(mean, target), mean)


def _in_target(mean: Array, target: Array, power: Array) -> Array:
    """Taken as 0 at the end of the domain, where it may be infinite."""
    zero = target == 0
    some = jnp.where(zero, mean, target)
    rise = _power_difference(mean, some, log_ratio(some, mean), 1 - power)
    return jnp.where(zero, jnp.zeros((), mean.dtype), 2 * rise)


def _in_power(mean: Array, target: Array, power: Array) -> Array:
    return jax.jvp(lambda power: _deviance(mean, target, power), (power,), (jnp.ones_like(power),))[1]


def _deviance(mean: Array, target: Array, power: Array) -> Array:
    near = (target < 7 * mean) & (mean < 7 * target)
    close = _deviance_nearby(jnp.where(near, mean, 1), jnp.where(near, target, 1), power)
    return jnp.where(near, close, _deviance_far_off(jnp.where(near, 1, mean), jnp.where(near, 8, target), power))


_tweedie = with_slopes(_in_mean, _in_target, _in_power)(_deviance)


def _deviance_nearby(mean: Array, target: Array, power: Array) -> Array:
    """The integral over ``log u`` by Gauss and Legendre: its terms have one sign, and no power is special."""
    distance = jnp.log1p(quotient(target - mean, mean))
    nodes = NODES[target.dtype == jnp.float64]
    parts = (-w * jnp.expm1(-distance * (1 - v)) * jnp.exp(distance * (1 + (1 - power) * v)) for v, w in nodes)
    return 2 * jnp.power(mean, 2 - power) * distance * sum(parts, jnp.zeros((), mean.dtype))


def _deviance_far_off(mean: Array, target: Array, power: Array) -> Array:
    """The closed form, from differences of powers that have limits; a target of 0 has only its last term."""
    zero = target == 0
    gone = power >= 2
    alone = jnp.power(mean, 2 - power) / jnp.where(gone, 1, 2 - power)
    target = jnp.where(zero, 8 * mean, target)
    between = mean, target, jnp.log(target) - jnp.log(mean)
    rest = target * _power_difference(*between, 1 - power) - _power_difference(*between, 2 - power)
    return 2 * jnp.where(zero, alone, rest)


def _power_difference(x: Array, y: Array, distance: Array, exponent: Array) -> Array:
    """``(y**exponent - x**exponent) / exponent``, and its limit ``distance = log(y / x)`` at 0."""
    # Relative to the larger power, so that no ratio of the two overflows.
    rising = (exponent > 0) & (distance > 0)
    change = jnp.where(rising, -1, 1) * (exponent * distance)
    small = jnp.abs(change) < 1e-2
    little = jnp.where(small, change, 0)
    series = distance * (1 + little / 2 * (1 + little / 3 * (1 + little / 4 * (1 + little / 5 * (1 + little / 6)))))
    large = jnp.where(rising, -1, 1) * jnp.expm1(jnp.where(small, 1, change)) / jnp.where(small, 1, exponent)
    return jnp.power(jnp.where(rising, y, x), exponent) * jnp.where(small, series, large)
