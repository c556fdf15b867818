"""Likelihoods of counts."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap, gap_curvature, gap_quotient, log_quotient
from jaxloss._floor.maths.numerics import difference, quotient
from jaxloss._floor.maths.separate import separate, with_slopes
from jaxloss._floor.maths.special.gamma_differences import STEPS, digamma_shortfall, divided_series
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.probabilistic._stable import (
    log1p_quotient,
    log_factorial_below_one,
    stirling_error_from_one_on,
    stirling_error_of_inverse,
)

__all__ = ["negative_binomial_nll", "poisson_nll"]

# Both likelihoods are sums of large terms that cancel: at a count of a million float32 would lose every digit of
# the Poisson likelihood. From a count of 1 on they are taken as a deviance, which is 0 at a perfect fit, plus the
# error of Stirling's formula (Loader's saddle-point form); below, where that form is singular, as they stand.


def poisson_nll(
    log_rates: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of counts under a Poisson distribution, from the logarithm of its rate.

    .. math:: \ell = e^{\eta} - y \, \eta + \log y!

    The constant :math:`\log y!` is part of the loss, by the log-gamma function. PyTorch leaves it out, or
    adds Stirling's approximation for counts above 1 (``full=True``); Keras takes the rate instead of its
    logarithm, adds 1e-7 to it and leaves the constant out. The gradient in ``log_rates`` is the same.

    Args:
        log_rates: Shape ``[...]``, floating, the logarithms :math:`\eta` of the expected counts; -inf is a rate of 0.
        targets: Shape ``[...]``, the same; counts, floating or integer; >= 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 for whole counts, in nats.

    Raises:
        TypeError: If ``log_rates`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.poisson_nll(jnp.array([0.0, 0.0]), jnp.array([1, 2]), reduction="none")
        Array([1.       , 1.6931472], dtype=float32)

    Reference:
        Nelder and Wedderburn (1972), Generalized Linear Models. https://doi.org/10.2307/2344614
    """
    log_rates, targets = checks.values(log_rates=log_rates, targets=targets)
    log_rates, targets = blank(where, log_rates, targets)
    values = _poisson(log_rates, targets)
    values = value_checks.within_domain(values, targets >= 0, "targets must be counts, >= 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _poisson(log_rates: Array, targets: Array) -> Array:
    few, rate = targets < 1, jnp.exp(log_rates)
    count, many = jnp.where(few, targets, 0), jnp.where(few, 1, targets)
    # One error of Stirling's formula for both: that of the next count below 1, where it is part of log y!.
    error = stirling_error_from_one_on(jnp.where(few, 1 + count, many))
    exponent = jnp.where(jnp.isneginf(log_rates) & (targets == 0), 0, log_rates)
    direct = rate - count * jnp.where(few, exponent, 0) + log_factorial_below_one(count, error)
    # So far from a perfect fit nothing cancels, and the rate itself may underflow.
    scarce = ~few & (rate < many * math.exp(-20))
    near, low = jnp.where(few | scarce, many, rate), jnp.where(scarce, log_rates, 0)
    log_count = jnp.log(many)
    fit = jnp.where(scarce, rate + many * (log_count - 1 - low), many * gap(near, many, near - many))
    return jnp.where(few, direct, fit + error + 0.5 * (LOG_2PI + log_count))


def negative_binomial_nll(
    means: ArrayLike,
    dispersions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of overdispersed counts: negative binomial with variance :math:`\mu + \alpha \mu^2`.

    .. math:: \ell = \log \Gamma(\tfrac1\alpha) + \log y! - \log \Gamma(y + \tfrac1\alpha)
              + (y + \tfrac1\alpha) \log(1 + \alpha \mu) - y \log \alpha \mu

    This is the form called NB2. In the other common form, with a number of failures r and a probability of
    success p, :math:`r = 1 / \alpha` and :math:`p = 1 / (1 + \alpha \mu)` or one minus that, depending on the
    package. Value and gradient go smoothly over into those of the Poisson distribution at :math:`\alpha = 0`.

    Args:
        means: Shape ``[...]``, floating, the expected counts :math:`\mu`; > 0, NaN otherwise.
        dispersions: Shape ``[...]``, the same; :math:`\alpha` >= 0, NaN otherwise.
        targets: Shape ``[...]``, the same; counts, floating or integer; >= 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 for whole counts, in nats.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> means, dispersions = jnp.array([1.0, 2.0]), jnp.array([1.0, 0.0])
        >>> jaxloss.negative_binomial_nll(means, dispersions, jnp.array([1, 2]), reduction="none")
        Array([1.3862944, 1.3068528], dtype=float32)

    Reference:
        Hilbe (2011), Negative Binomial Regression. https://doi.org/10.1017/CBO9780511973420
    """
    means, dispersions, targets = checks.values(means=means, dispersions=dispersions, targets=targets)
    means, dispersions, targets = blank(where, means, dispersions, targets, fill=1)
    values = _negative_binomial(means, dispersions, targets)
    valid = (means > 0) & (dispersions >= 0) & (targets >= 0)
    values = value_checks.within_domain(values, valid, "means must be > 0, dispersions and targets >= 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _in_means(means: Array, dispersions: Array, targets: Array) -> Array:
    return quotient(difference(means, targets), means) / (1 + dispersions * means)


def _in_dispersions(means: Array, dispersions: Array, targets: Array) -> Array:
    """By the difference of digamma functions at ``1 / dispersions`` and at that plus the count, moved by some steps."""
    steps = STEPS[means.dtype == jnp.float64]
    found, expected, later = dispersions * targets, 1 + dispersions * means, 1 + steps * dispersions
    shifted = (1 + k * dispersions for k in range(steps))
    moved = sum((targets / (x * (x + found)) for x in shifted), jnp.zeros((), means.dtype))
    ratio, off = 1 + found / later, targets / later - means
    curve = jnp.square(off / expected) * gap_curvature(ratio, expected, dispersions * off)
    series = divided_series(dispersions / later, dispersions / (later + found))[0]
    rest = targets / (later * (later + found)) * (0.5 + series)
    return (moved - steps * targets / (later * expected)) + (rest - curve)


def _in_targets(means: Array, dispersions: Array, targets: Array) -> Array:
    found, expected, following = 1 + dispersions * targets, 1 + dispersions * means, targets + 1
    # The logarithm of following / means, less that of found / expected: both are large where it is small.
    rest = ((targets - means) + expected) / (means * found)
    both = log_quotient(quotient(following, means) * (expected / found), jnp.ones_like(means), rest)
    return both + (digamma_shortfall(dispersions / found) - digamma_shortfall(1 / following))


@with_slopes(_in_means, _in_dispersions, _in_targets)
def _negative_binomial(means: Array, dispersions: Array, targets: Array) -> Array:
    few, one = targets < 1, jnp.ones((), means.dtype)
    count, many = jnp.where(few, targets, 0 * one), jnp.where(few, one, targets)
    expected, found = 1 + dispersions * means, 1 + dispersions * targets
    error = jnp.where(few, targets, (targets - means) / expected)
    # The deviance is that of the count, and of the 1 / dispersion failures, whose excess vanishes in that limit.
    start = jnp.where(few, one, expected)
    failures = error * gap_quotient(found, start, dispersions * (error * start)) + (0.5 - count) * jnp.log(found)
    shapes = stirling_error_of_inverse(dispersions) - stirling_error_of_inverse(dispersions / found)
    # One error of Stirling's formula for both: that of the next count below 1, where it is part of log y!.
    of_count = stirling_error_from_one_on(jnp.where(few, 1 + count, many))
    low = means * log1p_quotient(dispersions * means) + count * (jnp.log(expected) - jnp.log(means))
    direct = low + log_factorial_below_one(count, of_count)
    fit = many * gap(means * (found / expected), many, -error)
    return jnp.where(few, direct, fit + (of_count + 0.5 * (LOG_2PI + jnp.log(many)))) + (failures + shapes)
