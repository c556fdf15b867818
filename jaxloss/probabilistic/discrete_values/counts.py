"""Likelihoods of counts."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap, gap_quotient
from jaxloss._floor.maths.separate import separate
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


def _perfect_fit(count: Array) -> Array:
    return stirling_error_from_one_on(count) + 0.5 * (LOG_2PI + jnp.log(count))


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


@separate
def _negative_binomial(means: Array, dispersions: Array, targets: Array) -> Array:
    few = targets < 1
    at_zero = _few_counts(means, dispersions, jnp.where(few, targets, 0))
    return jnp.where(few, at_zero, _many_counts(means, dispersions, jnp.where(few, 1, targets)))


def _shape_terms(dispersion: Array, count: Array) -> Array:
    """The difference of the errors of Stirling's formula at ``1 / dispersion`` and at that plus ``count``."""
    below = stirling_error_of_inverse(dispersion)
    return below - stirling_error_of_inverse(dispersion / (1 + dispersion * count))


def _few_counts(mean: Array, dispersion: Array, count: Array) -> Array:
    expected, found = dispersion * mean, dispersion * count
    rate = mean * log1p_quotient(expected)
    curve = count * gap_quotient(1 + found, jnp.ones_like(found), found) - (count - 0.5) * jnp.log1p(found)
    fit = rate + count * (jnp.log1p(expected) - jnp.log(mean))
    return (
        fit
        + curve
        + log_factorial_below_one(count, stirling_error_from_one_on(1 + count))
        + _shape_terms(dispersion, count)
    )


def _many_counts(mean: Array, dispersion: Array, count: Array) -> Array:
    expected, found = 1 + dispersion * mean, 1 + dispersion * count
    error = count - mean
    rate = mean * (found / expected)
    # The deviance: of the count, and of the 1 / dispersion failures, in that limit a vanishing excess.
    fit = count * gap(rate, count, -error / expected)
    spread = (error / expected) * gap_quotient(found, expected, dispersion * error)
    constant = _perfect_fit(count) + 0.5 * jnp.log(found) + _shape_terms(dispersion, count)
    return fit + spread + constant
