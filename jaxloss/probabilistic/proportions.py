"""Likelihood of proportions: numbers between 0 and 1 that are quantities and not classes."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap, log_ratio
from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.probabilistic._stable import stirling_error

__all__ = ["beta_distribution_nll"]


def beta_distribution_nll(
    alphas: ArrayLike,
    betas: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of proportions under a beta distribution with predicted concentrations.

    .. math:: \ell = \log \frac{\Gamma(\alpha) \, \Gamma(\beta)}{\Gamma(\alpha + \beta)} - (\alpha - 1) \log y
              - (\beta - 1) \log(1 - y)

    The likelihood of beta regression, for shares, rates and scores in (0, 1). Its mean is
    :math:`\alpha / (\alpha + \beta)`, and :math:`\alpha + \beta` its precision: with a predicted mean m and precision
    n, ``alphas`` are ``m * n`` and ``betas`` ``(1 - m) * n``. Not to be confused with `jaxloss.beta_nll`, the weighted
    Gaussian likelihood. The log-gamma functions of the formula cancel where the concentrations are large, and are
    taken here without that. A proportion of exactly 0 or 1 has no finite likelihood; it is common to move targets
    inwards, or to give it a probability of its own.

    Args:
        alphas: Shape ``[...]``, floating, the concentrations :math:`\alpha` at 1; > 0, NaN otherwise.
        betas: Shape ``[...]``, the same, the concentrations :math:`\beta` at 0; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; in (0, 1), NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign.

    Raises:
        TypeError: If ``alphas`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> alphas, targets = jnp.array([2.0, 3.0]), jnp.array([0.25, 0.5])  # densities 2 y and 3 y**2
        >>> values = jaxloss.beta_distribution_nll(alphas, jnp.ones(2), targets, reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.6931', '0.2877']

    Reference:
        Ferrari and Cribari-Neto (2004), Beta Regression for Modelling Rates and Proportions.
        https://doi.org/10.1080/0266476042000214501
    """
    alphas, betas, targets = checks.values(alphas=alphas, betas=betas, targets=targets)
    alphas, betas = (hide(where, x, fill=1) for x in (alphas, betas))
    alphas, betas, targets = promote(alphas, betas, hide(where, targets, fill=0.5))
    inside = (targets > 0) & (targets < 1)
    values = _beta(alphas, betas, jnp.where(inside, targets, 0.5))
    valid = (alphas > 0) & (betas > 0) & inside
    values = value_checks.within_domain(values, valid, "alphas and betas must be > 0, targets in (0, 1)")
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _beta(alpha: Array, beta: Array, target: Array) -> Array:
    """By Stirling's formula: how far the target is from the mean, and what a perfect fit has."""
    total = alpha + beta
    width = 0.5 * (LOG_2PI + jnp.log(total) - jnp.log(alpha) - jnp.log(beta)) + jnp.log(target) + jnp.log1p(-target)
    errors = stirling_error(alpha) + stirling_error(beta) - stirling_error(total)
    return _misfit(alpha, beta, target) + (width + errors)


def _means(alpha: Array, beta: Array) -> tuple[Array, Array]:
    total = alpha + beta
    return quotient(alpha, total), quotient(beta, total)


def _misfit_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (alpha, beta, target), (alpha_dot, beta_dot, target_dot) = primals, tangents
    mean, counter = _means(alpha, beta)
    in_target = quotient(quotient((alpha + beta) * (target - mean), target), 1 - target)
    by_means = log_ratio(mean, target) * alpha_dot + log_ratio(counter, 1 - target) * beta_dot
    return _misfit(*primals), by_means + in_target * target_dot


@with_rule(_misfit_jvp)
def _misfit(alpha: Array, beta: Array, target: Array) -> Array:
    """The relative entropy of the mean to the target, times the precision: >= 0."""
    mean, counter = _means(alpha, beta)
    error = target - mean
    return alpha * gap(target, mean, error) + beta * gap(1 - target, counter, -error)
