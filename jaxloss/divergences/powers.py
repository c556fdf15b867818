r"""Divergences with an order: Amari's, Rényi's, and the beta divergence of positive numbers.

All rest on :math:`g(r) = (r^\alpha - 1 - \alpha (r - 1)) / (\alpha (\alpha - 1))`. With :math:`u = \log r` and the
excess :math:`E(x) = e^x - 1 - x` of the exponential it is one of two sums, neither of which cancels near :math:`r = 1`:
above an order of 1/2 the first, which holds at 1 too, and below it the second, which holds at 0.

.. math:: \alpha g = r \left( E(-u) + \frac{E((\alpha - 1) u)}{\alpha - 1} \right), \qquad
          (1 - \alpha) g = E(u) - \frac{E(\alpha u)}{\alpha}
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import log_ratio
from jaxloss._floor.maths.numerics import divide, exp_excess, poison, power
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.divergences._distributions import legal_log_probs, log_distributions, uniform_unless, with_lost_rows

__all__ = ["alpha_divergence", "beta_divergence", "renyi_divergence"]


def alpha_divergence(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    alpha: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Amari's alpha divergence of two discrete distributions: from covering to seeking modes with one number.

    .. math:: \ell = \frac{\sum_k p_k^\alpha q_k^{1 - \alpha} - 1}{\alpha (\alpha - 1)}

    At 1 it is the Kullback-Leibler divergence KL(targets || predictions), near 0 that of the predictions to the
    targets, at 1/2 four times the squared Hellinger distance and at 2 half of Pearson's chi-square divergence. Tsallis'
    relative entropy is ``alpha`` times it.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed. A row
            with a log-probability above 0, here or in the prediction, gives NaN.
        alpha: Order :math:`\alpha` > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the two are equal, with zero gradient, and accurate near it; for ``alpha`` >= 1
        +inf if :math:`q_k = 0` where :math:`p_k > 0`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, the last axis is missing or empty, or ``alpha`` is not positive.

    Example:
        >>> log_p, log_q = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.1, 0.9]))
        >>> jaxloss.alpha_divergence(log_q, log_p, alpha=2.0)  # half of 0.4**2 / 0.1 + 0.4**2 / 0.9
        Array(0.8888889, dtype=float32)

    Reference:
        Amari (2009), Alpha-Divergence Is Unique, Belonging to Both f-Divergence and Bregman Divergence Classes.
        https://doi.org/10.1109/TIT.2009.2030485
    """
    return reduce(
        _alpha(where, log_predictions, log_targets, alpha)[0], where=where, weights=weights, reduction=reduction
    )


def renyi_divergence(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    alpha: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Rényi divergence of two discrete distributions, which differential privacy and variational bounds use.

    .. math:: \ell = \frac{1}{\alpha - 1} \log \sum_k p_k^\alpha q_k^{1 - \alpha}

    At 1 it is the Kullback-Leibler divergence KL(targets || predictions), at 1/2 twice the Bhattacharyya distance. It
    grows with the order.

    Args:
        log_predictions: Log-probabilities :math:`\log q`; see `jaxloss.alpha_divergence`.
        log_targets: Log-probabilities :math:`\log p`; see `jaxloss.alpha_divergence`.
        alpha: Order :math:`\alpha` > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient, and accurate near it; +inf if they
        have no class in common, and for ``alpha`` >= 1 if :math:`q_k = 0` where :math:`p_k > 0`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, the last axis is missing or empty, or ``alpha`` is not positive.

    Example:
        >>> log_p, log_q = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.1, 0.9]))
        >>> jaxloss.renyi_divergence(log_q, log_p, alpha=2.0)
        Array(1.0216513, dtype=float32)

    Reference:
        van Erven and Harremoës (2014), Rényi Divergence and Kullback-Leibler Divergence.
        https://arxiv.org/abs/1206.2459
    """
    divergence, alpha = _alpha(where, log_predictions, log_targets, alpha)
    excess = alpha * (alpha - 1) * divergence
    close = excess == 0
    share = jnp.where(close, jnp.ones((), excess.dtype), excess)
    values = alpha * divergence * jnp.where(close, 1 - 0.5 * excess, jnp.log1p(share) / share)
    # All of an infinite sum is its logarithm.
    values = jnp.where(divergence == jnp.inf, divergence, values)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _alpha(
    where: ArrayLike | None, log_predictions: ArrayLike, log_targets: ArrayLike, alpha: Scalar
) -> tuple[Array, Array]:
    log_q, log_p, keep = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    log_q, log_p = uniform_unless(keep, log_q, log_p)
    alpha = jnp.asarray(checks.scalar("alpha", alpha, log_q.dtype, above=0), log_q.dtype)
    no_p, no_q, zero, one = log_p == -jnp.inf, log_q == -jnp.inf, jnp.zeros((), log_q.dtype), jnp.ones((), log_q.dtype)
    u = jnp.where(no_p | no_q, zero, log_p) - jnp.where(no_p | no_q, zero, log_q)
    first = _weighted_excess(log_p, -u) + divide(_weighted_excess(log_p, (alpha - 1) * u), alpha - 1)
    second = _weighted_excess(log_q, u) - divide(_weighted_excess(log_q, alpha * u), alpha)
    upper = alpha > 0.5
    terms = jnp.where(upper, first / alpha, second / jnp.where(upper, one, 1 - alpha))
    without = jnp.where(alpha < 1, jnp.exp(log_p) / jnp.where(alpha < 1, 1 - alpha, one), jnp.inf)
    terms = jnp.where(no_q, without, jnp.where(no_p, jnp.exp(log_q) / alpha, terms))
    terms = jnp.where(no_p & no_q, zero, terms)
    return with_lost_rows(poison(jnp.sum(terms, axis=-1), legal_log_probs(log_p, log_q))), alpha


def _weighted_excess(log_weight: Array, x: Array) -> Array:
    """``exp(log_weight) (exp(x) - 1 - x)``; a large exponential meets a small weight before it overflows."""
    near, zero = jnp.abs(x) < 1, jnp.zeros((), x.dtype)
    close = jnp.exp(log_weight) * exp_excess(jnp.where(near, x, zero))
    far = jnp.where(near, zero, x)
    return jnp.where(near, close, jnp.exp(log_weight + far) - jnp.exp(log_weight) * (1 + far))


def beta_divergence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    beta: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Beta divergence of positive numbers, elementwise: the family of losses of nonnegative matrix factorisation.

    .. math:: \ell = \frac{p^\beta + (\beta - 1) q^\beta - \beta p q^{\beta - 1}}{\beta (\beta - 1)}

    At 0 it is `jaxloss.itakura_saito_divergence`, at 1 the generalized Kullback-Leibler divergence and at 2 half the
    squared error. A scale common to both comes out as its power :math:`\beta`: the smaller the order, the more the
    small entries count.

    Args:
        predictions: Predicted powers :math:`q > 0`, shape ``[...]``, floating; NaN otherwise.
        targets: Powers :math:`p \ge 0`, shape ``[...]``, the same; floating or integer; never broadcast. 0 gives +inf
            for orders up to 0.
        beta: Order :math:`\beta`, any number.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the two are equal, with zero gradient, and accurate near it.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> q, p = jnp.array(2.0), jnp.array(4.0)
        >>> print([f"{jaxloss.beta_divergence(q, p, beta=order):.4f}" for order in (0.0, 1.0, 2.0)])
        ['0.3069', '0.7726', '2.0000']

    Reference:
        Févotte and Idier (2011), Algorithms for Nonnegative Matrix Factorization with the Beta-Divergence.
        https://arxiv.org/abs/1010.1763
    """
    q, p = checks.values(predictions=predictions, targets=targets)
    q, p = blank(where, q, p, fill=1)
    beta = jnp.asarray(checks.scalar("beta", beta, q.dtype), q.dtype)
    some, one = p > 0, jnp.ones((), q.dtype)
    legal = (q > 0) & (p >= 0)
    value_checks.ensure(lambda: legal, "predictions must be positive, and targets >= 0")
    q, p = poison(q, legal), jnp.where(some, p, one)
    u, upper = log_ratio(p, q), beta > 0.5
    above = p * power(q, beta - 1) * (exp_excess(-u) + divide(exp_excess((beta - 1) * u), beta - 1))
    below = power(q, beta) * (exp_excess(u) - divide(exp_excess(beta * u), beta))
    values = jnp.where(upper, above / jnp.where(upper, beta, one), below / jnp.where(upper, one, 1 - beta))
    of_nothing = jnp.where(beta > 0, power(q, beta) / jnp.where(beta > 0, beta, one), jnp.inf)
    values = jnp.where(some, values, of_nothing)
    return reduce(values, where=where, weights=weights, reduction=reduction)
