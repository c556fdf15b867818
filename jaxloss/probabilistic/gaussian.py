"""Gaussian likelihoods: one variable, a variance that reweighs itself, a covariance, a mixture."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import log_sum_exp
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.probabilistic._stable import quadratic

__all__ = ["beta_nll", "gaussian_mixture_nll", "gaussian_nll", "multivariate_gaussian_nll"]


def _nll(residuals: Array, variances: Array) -> Array:
    return 0.5 * (LOG_2PI + jnp.log(variances) + quadratic(residuals, variances))


def gaussian_nll(
    means: ArrayLike,
    variances: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a normal distribution with predicted mean and variance.

    .. math:: \ell = \tfrac12 \left( \log 2 \pi + \log \sigma^2 + \frac{(y - \mu)^2}{\sigma^2} \right)

    This is the full likelihood: PyTorch leaves out :math:`\tfrac12 \log 2 \pi` unless told ``full=True``, and
    clamps the variance at 1e-6, with no gradient through the clamp. Nothing is clamped here; let the model give
    a positive variance, for example ``softplus(x) + 1e-6`` or ``exp(x)``.

    Args:
        means: Shape ``[...]``, floating.
        variances: Shape ``[...]``, the same; the variance, not its root or logarithm; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign: a density has no upper bound.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gaussian_nll(jnp.array([0.0, 1.0]), jnp.array([1.0, 4.0]), jnp.array([0.0, 3.0]), reduction="none")
        Array([0.9189385, 2.1120858], dtype=float32)

    Reference:
        Nix and Weigend (1994), Estimating the Mean and Variance of the Target Probability Distribution.
        https://doi.org/10.1109/ICNN.1994.374138
    """
    means, variances, targets = checks.values(means=means, variances=variances, targets=targets)
    means, variances, targets = blank(where, means, variances, targets, fill=1)
    values = value_checks.within_domain(_nll(targets - means, variances), variances > 0, "variances must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _weighted_nll(residuals: Array, variances: Array, beta: Array) -> Array:
    root = jnp.exp(0.5 * beta * jnp.log(jax.lax.stop_gradient(variances)))
    # The weight goes under the square, so that it meets the quotient before that can overflow.
    fit = quadratic(residuals * root, variances)
    return 0.5 * (jnp.square(root) * (LOG_2PI + jnp.log(variances)) + fit)


def beta_nll(
    means: ArrayLike,
    variances: ArrayLike,
    targets: ArrayLike,
    *,
    beta: Scalar = 0.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Beta-NLL: Gaussian likelihood weighted by a power of its variance, so that hard regions still train.

    .. math:: \ell = \lfloor \sigma^2 \rfloor^{\beta} \cdot \tfrac12 \left( \log 2 \pi + \log \sigma^2
              + \frac{(y - \mu)^2}{\sigma^2} \right)

    The weight :math:`\lfloor \cdot \rfloor` passes no gradient. At :math:`\beta = 0` this is `gaussian_nll`; at
    :math:`\beta = 1` the gradient in the mean is that of half the squared error.

    Args:
        means: Shape ``[...]``, floating.
        variances: Shape ``[...]``, the same; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        beta: Exponent of the weight, in [0, 1].
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ, or ``beta`` is outside [0, 1].

    Example:
        >>> jaxloss.beta_nll(jnp.array([0.0, 1.0]), jnp.array([1.0, 4.0]), jnp.array([0.0, 3.0]), reduction="none")
        Array([0.9189385, 4.224171 ], dtype=float32)

    Reference:
        Seitzer et al. (2022), On the Pitfalls of Heteroscedastic Uncertainty Estimation with Probabilistic
        Neural Networks. https://arxiv.org/abs/2203.09168
    """
    means, variances, targets = checks.values(means=means, variances=variances, targets=targets)
    means, variances, targets = blank(where, means, variances, targets, fill=1)
    beta = checks.scalar("beta", beta, means.dtype, at_least=0, at_most=1)
    values = _weighted_nll(targets - means, variances, jnp.asarray(beta, means.dtype))
    values = value_checks.within_domain(values, variances > 0, "variances must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def multivariate_gaussian_nll(
    means: ArrayLike,
    scale_trils: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a multivariate normal distribution with a full covariance :math:`L L^\top`.

    .. math:: \ell = \tfrac{D}{2} \log 2 \pi + \sum_d \log L_{dd} + \tfrac12 \lVert L^{-1} (y - \mu) \rVert^2

    The covariance comes as its Cholesky factor, which every lower triangular matrix with a positive diagonal
    is; one triangular solve replaces inverse and determinant.

    Args:
        means: Shape ``[..., D]``, floating.
        scale_trils: Shape ``[..., D, D]``, lower triangular factors :math:`L`; the diagonal is > 0, NaN
            otherwise; what stands above the diagonal is not read.
        targets: Shape ``[..., D]``, floating or integer.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar in nats, of either sign.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes do not match, or D is 0.

    Example:
        >>> factor = jnp.array([[2.0, 0.0], [1.0, 1.0]])
        >>> jaxloss.multivariate_gaussian_nll(jnp.zeros(2), factor, jnp.array([2.0, 0.0]))
        Array(3.5310242, dtype=float32)

    Reference:
        Dorta et al. (2018), Structured Uncertainty Prediction Networks. https://arxiv.org/abs/1802.07079
    """
    means, targets = checks.values(means=means, targets=targets)
    checks.with_axes("dimensions", means=means)
    (scale_trils,) = checks.floating(scale_trils=scale_trils)
    checks.has_shape((*means.shape, means.shape[-1]), "one factor [D, D] per example", scale_trils=scale_trils)
    means, targets = (hide(where, x, event_ndim=1) for x in (means, targets))
    # Filled with ones, the triangle is invertible.
    means, scale_trils, targets = promote(means, hide(where, scale_trils, event_ndim=2, fill=1), targets)
    diagonal = jnp.diagonal(scale_trils, axis1=-2, axis2=-1)
    white = jax.lax.linalg.triangular_solve(scale_trils, (targets - means)[..., None], left_side=True, lower=True)
    values = jnp.sum(0.5 * LOG_2PI + jnp.log(diagonal), axis=-1) + 0.5 * jnp.sum(jnp.square(white), axis=(-2, -1))
    values = value_checks.within_domain(
        values, jnp.all(diagonal > 0, axis=-1), "the diagonal of scale_trils must be > 0"
    )
    return reduce(values, where=where, weights=weights, reduction=reduction)


def gaussian_mixture_nll(
    logits: ArrayLike,
    means: ArrayLike,
    variances: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a mixture of normal distributions: a mixture density network.

    .. math:: \ell = -\log \sum_k \pi_k \, \mathcal N(y; \mu_k, \sigma_k^2), \qquad \pi = \mathrm{softmax}(z)

    Everything stays in the logarithm, so a target far from all components has a finite loss and a gradient
    that points back.

    Args:
        logits: Shape ``[..., K]``, floating, the unnormalised log-weights :math:`z`; -inf removes a component.
        means: Shape ``[..., K]``.
        variances: Shape ``[..., K]``; > 0, NaN otherwise.
        targets: Shape ``[...]``, floating or integer.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar in nats, of either sign.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes do not match, or K is 0.

    Example:
        >>> jaxloss.gaussian_mixture_nll(jnp.zeros(2), jnp.array([-1.0, 1.0]), jnp.ones(2), jnp.array(0.0)).round(4)
        Array(1.4189, dtype=float32)

    Reference:
        Bishop (1994), Mixture Density Networks. https://publications.aston.ac.uk/id/eprint/373/
    """
    logits, means, variances = checks.values(logits=logits, means=means, variances=variances)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("components", logits=logits)
    checks.has_shape(logits.shape[:-1], "logits.shape[:-1], the component axis is last", targets=targets)
    logits, means, variances = (hide(where, x, event_ndim=1, fill=1) for x in (logits, means, variances))
    logits, means, variances, targets = promote(logits, means, variances, hide(where, targets, fill=1))
    joint = jax.nn.log_softmax(logits, axis=-1) - _nll(targets[..., None] - means, variances)
    values = value_checks.within_domain(-log_sum_exp(joint), jnp.all(variances > 0, axis=-1), "variances must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)
