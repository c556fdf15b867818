r"""Likelihoods of counts with more zeros than a count distribution explains: some are 0 whatever the expected count.

With a probability :math:`\pi = \sigma(z)` the count is a structural zero, and otherwise it follows a distribution that
is itself 0 with probability :math:`p_0`. A zero comes from either of the two,

.. math:: \ell_0 = -\log \big( \pi + (1 - \pi) \, p_0 \big),

and any other count from the distribution alone, :math:`\ell = -\log(1 - \pi)` plus its own likelihood.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap_curvature
from jaxloss._floor.maths.numerics import softplus
from jaxloss._floor.maths.separate import with_slopes
from jaxloss._floor.maths.sigmoids import sigmoid_sides
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.probabilistic._stable import log1p_quotient
from jaxloss.probabilistic.discrete_values.counts import negative_binomial_nll, poisson_nll

__all__ = ["zero_inflated_negative_binomial_nll", "zero_inflated_poisson_nll"]


def zero_inflated_poisson_nll(
    zero_logits: ArrayLike,
    log_rates: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of counts under a zero-inflated Poisson distribution (ZIP).

    .. math:: \ell = \begin{cases} -\log \big( \sigma(z) + \sigma(-z) \exp(-e^\eta) \big) & y = 0 \\
              \log(1 + e^z) + e^\eta - y \, \eta + \log y! & y > 0 \end{cases}

    Args:
        zero_logits: Shape ``[...]``, floating, the logits :math:`z` of a structural zero; -inf is none of them, and the
            loss is that of `jaxloss.poisson_nll`.
        log_rates: Shape ``[...]``, the same, the logarithms :math:`\eta` of the expected counts of the Poisson
            distribution. The expected count of the whole is :math:`\sigma(-z)` times that.
        targets: Shape ``[...]``, the same; counts, floating or integer; >= 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 for whole counts, in nats.

    Raises:
        TypeError: If ``zero_logits`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> zeros = jnp.zeros(2)
        >>> values = jaxloss.zero_inflated_poisson_nll(zeros, zeros, jnp.array([0, 2]), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.3799', '2.3863']

    Reference:
        Lambert (1992), Zero-Inflated Poisson Regression, with an Application to Defects in Manufacturing.
        https://doi.org/10.2307/1269547
    """
    zero_logits, log_rates, targets = checks.values(zero_logits=zero_logits, log_rates=log_rates, targets=targets)
    zero_logits, log_rates, targets = blank(where, zero_logits, log_rates, targets)
    some = targets != 0
    counted = poisson_nll(jnp.where(some, log_rates, 0), jnp.where(some, targets, 1), reduction="none")
    # A rate that overflows counts as a large number: no zero is that of the distribution.
    rates = jnp.exp(jnp.minimum(log_rates, math.log(float(jnp.finfo(log_rates.dtype).max)) - 1))
    values = _unless_zero(zero_logits, rates, some, counted)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def zero_inflated_negative_binomial_nll(
    zero_logits: ArrayLike,
    means: ArrayLike,
    dispersions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of counts under a zero-inflated negative binomial distribution (ZINB), as in scVI.

    .. math:: \ell = \begin{cases} -\log \big( \sigma(z) + \sigma(-z) (1 + \alpha \mu)^{-1 / \alpha} \big) & y = 0 \\
              \log(1 + e^z) + \ell_\mathrm{NB}(\mu, \alpha, y) & y > 0 \end{cases}

    with the negative binomial likelihood of `jaxloss.negative_binomial_nll` and its variance
    :math:`\mu + \alpha \mu^2`. scVI has the inverse dispersion, :math:`\theta = 1 / \alpha`, adds 1e-8 to numbers in
    front of a logarithm, and returns the log-likelihood, ``log_zinb_positive(x, mu, theta, pi)``.

    Args:
        zero_logits: Shape ``[...]``, floating, the logits :math:`z` of a structural zero, a dropout; -inf is none.
        means: Shape ``[...]``, the same, the expectations :math:`\mu` of the negative binomial distribution; > 0, NaN
            otherwise. That of the whole is :math:`\sigma(-z)` times it.
        dispersions: Shape ``[...]``, the same; :math:`\alpha` >= 0, NaN otherwise.
        targets: Shape ``[...]``, the same; counts, floating or integer; >= 0, NaN otherwise; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 for whole counts, in nats.

    Raises:
        TypeError: If ``zero_logits`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> zeros, ones = jnp.zeros(2), jnp.ones(2)
        >>> values = jaxloss.zero_inflated_negative_binomial_nll(zeros, ones, ones, jnp.array([0, 1]), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.2877', '2.0794']

    Reference:
        Lopez et al. (2018), Deep Generative Modeling for Single-Cell Transcriptomics.
        https://doi.org/10.1038/s41592-018-0229-2
    """
    zero_logits, means, dispersions, targets = checks.values(
        zero_logits=zero_logits, means=means, dispersions=dispersions, targets=targets
    )
    zero_logits, means, dispersions, targets = blank(where, zero_logits, means, dispersions, targets, fill=1)
    some = targets != 0
    counts = (jnp.where(some, x, 1) for x in (means, dispersions, targets))
    counted = negative_binomial_nll(*counts, reduction="none")
    values = _unless_zero(zero_logits, _rate_of_zero(means, dispersions), some, counted)
    valid = (means > 0) & (dispersions >= 0) & (targets >= 0)
    values = value_checks.within_domain(values, valid, "means must be > 0, dispersions and targets >= 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _unless_zero(zero_logits: Array, rates: Array, some: Array, counted: Array) -> Array:
    """The loss, from that of the counts alone, which are 0 with probability ``exp(-rates)``."""
    return jnp.where(some, softplus(zero_logits) + counted, _of_zero(zero_logits, rates))


def _chance(zero_logits: Array, rates: Array) -> Array:
    """That a zero is structural."""
    return jax.nn.sigmoid(zero_logits + rates)


def _in_logits(zero_logits: Array, rates: Array) -> Array:
    return _chance(zero_logits, rates) * (jax.nn.sigmoid(-zero_logits) * jnp.expm1(-rates))


def _in_rates(zero_logits: Array, rates: Array) -> Array:
    return _chance(-zero_logits, -rates)


@with_slopes(_in_logits, _in_rates)
def _of_zero(zero_logits: Array, rates: Array) -> Array:
    missing = sigmoid_sides(zero_logits)[1] * -jnp.expm1(-rates)
    likely = missing < 0.5
    log_sum = jnp.logaddexp(-softplus(-zero_logits), -softplus(zero_logits) - rates)
    return jnp.where(likely, -jnp.log1p(-jnp.where(likely, missing, 0)), -log_sum)


def _rate_in_means(means: Array, dispersions: Array) -> Array:
    return 1 / (1 + dispersions * means)


def _rate_in_dispersions(means: Array, dispersions: Array) -> Array:
    expected = 1 + dispersions * means
    curve = gap_curvature(jnp.ones_like(means), expected, -dispersions * means)
    return -jnp.square(means / expected) * curve


@with_slopes(_rate_in_means, _rate_in_dispersions)
def _rate_of_zero(means: Array, dispersions: Array) -> Array:
    """Minus the logarithm of the chance that a negative binomial count is 0."""
    return means * log1p_quotient(dispersions * means)
