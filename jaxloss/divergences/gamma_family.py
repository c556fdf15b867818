r"""The Kullback-Leibler divergence of gamma and Dirichlet distributions, from their parameters.

Both are Bregman divergences of the logarithm of the gamma function,

.. math:: B(a, b) = \log \Gamma(b) - \log \Gamma(a) - \psi(a) (b - a) = \int_a^b (b - t) \, \psi'(t) \, dt

Where b is near a, the terms cancel; it is taken as a sum of terms >= 0 instead.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import gap, log_ratio
from jaxloss._floor.maths.numerics import difference, positive_part, quotient
from jaxloss._floor.maths.separate import with_slopes
from jaxloss._floor.maths.special.gamma_differences import digamma_difference, log_gamma_bregman
from jaxloss._floor.maths.special.gamma_slopes import trigamma
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["dirichlet_kl", "gamma_kl"]


def _bregman(a: Array, b: Array) -> Array:
    return log_gamma_bregman(a, b, difference(b, a))


def dirichlet_kl(
    concentrations_p: ArrayLike,
    concentrations_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of two Dirichlet distributions, ``p`` the first argument.

    .. math:: \ell = \sum_k B(\alpha_k, \beta_k) - B(\alpha_0, \beta_0), \qquad
              \alpha_0 = \sum_k \alpha_k, \quad \beta_0 = \sum_k \beta_k

    with :math:`B(a, b) = \log \Gamma(b) - \log \Gamma(a) - \psi(a) (b - a)`. A beta distribution is a Dirichlet
    distribution of two classes: ``jnp.stack([alphas, betas], axis=-1)``.

    Args:
        concentrations_p: Concentrations :math:`\alpha > 0`, shape ``[..., K]``, floating; NaN otherwise.
        concentrations_q: Concentrations :math:`\beta > 0`, shape ``[..., K]``, the same; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> divergence = jaxloss.dirichlet_kl(jnp.array([2.0, 1.0]), jnp.ones(2))  # of the density 2 x from 1
        >>> print(f"{divergence:.4f}")
        0.1931

    Reference:
        Penny (2001), KL-Divergences of Normal, Gamma, Dirichlet and Wishart Densities.
        https://www.fil.ion.ucl.ac.uk/~wpenny/publications/densities.ps
    """
    p, q = checks.floating(concentrations_p=concentrations_p, concentrations_q=concentrations_q)
    checks.with_axes("classes", concentrations_p=p)
    checks.same_shape(concentrations_p=p, concentrations_q=q)
    p, q = blank(where, p, q, event_ndim=1, fill=1)
    p, q = (
        value_checks.within_domain(x, x > 0, f"{name} must be positive")
        for name, x in {"concentrations_p": p, "concentrations_q": q}.items()
    )
    # The sum of the differences, so that equal concentrations have equal sums.
    total = jnp.sum(p, axis=-1)
    of_sums = _bregman(total, total + jnp.sum(difference(q, p), axis=-1))
    values = positive_part(jnp.sum(_bregman(p, q), axis=-1) - of_sums)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _in_concentration_p(a: Array, r: Array, b: Array, s: Array) -> Array:
    return quotient(difference(s, r), r) - trigamma(a) * difference(b, a)


def _in_concentration_q(a: Array, r: Array, b: Array, s: Array) -> Array:
    return digamma_difference(a, b, difference(b, a)) - log_ratio(s, r)


def _excess_mean(a: Array, r: Array, b: Array, s: Array) -> Array:
    """By how much the mean of ``p`` in units of the rate of ``q``, ``a s / r``, exceeds that of ``q``, ``b``."""
    return a * quotient(difference(s, r), r) - difference(b, a)


def _in_rate_p(a: Array, r: Array, b: Array, s: Array) -> Array:
    return -quotient(_excess_mean(a, r, b, s), r)


def _in_rate_q(a: Array, r: Array, b: Array, s: Array) -> Array:
    return quotient(_excess_mean(a, r, b, s), s)


@with_slopes(_in_concentration_p, _in_rate_p, _in_concentration_q, _in_rate_q)
def _gamma(a: Array, r: Array, b: Array, s: Array) -> Array:
    """The divergence of ``a, r`` from ``b, s``."""
    step = difference(b, a)
    of_rates = a * gap(s, r, difference(s, r)) - step * log_ratio(s, r)
    return positive_part(log_gamma_bregman(a, b, step) + of_rates)


def gamma_kl(
    concentrations_p: ArrayLike,
    rates_p: ArrayLike,
    concentrations_q: ArrayLike,
    rates_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of two gamma distributions, elementwise, ``p`` the first two arguments.

    .. math:: \ell = B(a, b) + a \left( \frac{s}{r} - 1 - \log \frac{s}{r} \right) + (a - b) \log \frac{s}{r}

    with :math:`B(a, b) = \log \Gamma(b) - \log \Gamma(a) - \psi(a) (b - a)`, concentrations :math:`a, b` and rates
    :math:`r, s` of ``p`` and ``q``. Of concentration 1 these are exponential distributions.

    Args:
        concentrations_p: Concentrations :math:`a > 0` of ``p``, shape ``[...]``, floating; NaN otherwise.
        rates_p: Rates :math:`r > 0` of ``p``, one over their scales, shape ``[...]``, the same.
        concentrations_q: Concentrations :math:`b > 0` of ``q``, shape ``[...]``, the same.
        rates_q: Rates :math:`s > 0` of ``q``, shape ``[...]``, the same.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> one = jnp.ones(())
        >>> jaxloss.gamma_kl(one, one, one, 2 * one)  # of exponential distributions: log(1 / 2) + 2 - 1
        Array(0.30685282, dtype=float32)

    Reference:
        Penny (2001), KL-Divergences of Normal, Gamma, Dirichlet and Wishart Densities.
        https://www.fil.ion.ucl.ac.uk/~wpenny/publications/densities.ps
    """
    inputs = {
        "concentrations_p": concentrations_p,
        "rates_p": rates_p,
        "concentrations_q": concentrations_q,
        "rates_q": rates_q,
    }
    inputs = dict(zip(inputs, checks.floating(**inputs), strict=True))
    checks.same_shape(**inputs)
    a, r, b, s = blank(where, *inputs.values(), fill=1)
    valid = (a > 0) & (r > 0) & (b > 0) & (s > 0)
    values = value_checks.within_domain(_gamma(a, r, b, s), valid, f"{', '.join(inputs)} must be positive")
    return reduce(values, where=where, weights=weights, reduction=reduction)
