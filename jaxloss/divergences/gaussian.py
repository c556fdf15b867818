"""The Kullback-Leibler divergence of Gaussians: diagonal from log-variances, full from Cholesky factors."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.separate import as_one_loop, separate
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["gaussian_kl", "gaussian_kl_standard_normal", "multivariate_gaussian_kl"]


def gaussian_kl_standard_normal(
    means: ArrayLike,
    log_variances: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || N(0, I)) of a diagonal Gaussian: the KL term of a VAE.

    .. math:: \ell = \mathrm{KL}\left( \mathcal N(\mu, \operatorname{diag} e^s) \,\|\, \mathcal N(0, I) \right)
              = \frac12 \sum_d \left( \mu_d^2 + e^{s_d} - 1 - s_d \right)

    Summed over the latent axis and averaged over examples, the reduction under which the evidence lower bound is
    a bound. ``log_variances`` is :math:`\log \sigma^2`, twice the log of the standard deviation.

    Args:
        means: Means :math:`\mu`, shape ``[..., D]``, floating.
        log_variances: Log-variances :math:`s`, shape ``[..., D]``, the same; floating; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly at the standard normal, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.gaussian_kl_standard_normal(jnp.array([[1.0, 2.0]]), jnp.zeros((1, 2)))
        Array(2.5, dtype=float32)

    Reference:
        Kingma and Welling (2014), Auto-Encoding Variational Bayes, appendix B.
        https://arxiv.org/abs/1312.6114
    """
    means, log_variances = checks.floating(means=means, log_variances=log_variances)
    checks.with_axes("latent", means=means)
    checks.same_shape(means=means, log_variances=log_variances)
    means, log_variances = blank(where, means, log_variances, event_ndim=1)
    values = 0.5 * jnp.sum(_from_standard(means, log_variances), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _from_standard(means: Array, log_variances: Array) -> Array:
    return jnp.square(means) + numerics.exp_excess(log_variances)


def gaussian_kl(
    means_p: ArrayLike,
    log_variances_p: ArrayLike,
    means_q: ArrayLike,
    log_variances_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of two diagonal Gaussians, ``p`` the first argument.

    .. math:: \ell = \mathrm{KL}(p \,\|\, q) = \frac12 \sum_d \left( e^{s_d - t_d} - 1 - (s_d - t_d)
              + (\mu_d - \nu_d)^2 e^{-t_d} \right)

    for :math:`p = \mathcal N(\mu, \operatorname{diag} e^s)` and :math:`q = \mathcal N(\nu, \operatorname{diag} e^t)`.
    Summed over the last axis. The log-variances are :math:`\log \sigma^2`, twice the log of the standard deviation.

    Args:
        means_p: Means :math:`\mu`, shape ``[..., D]``, floating.
        log_variances_p: Log-variances :math:`s`, shape ``[..., D]``, the same; floating; never broadcast.
        means_q: Means :math:`\nu`, shape ``[..., D]``, the same.
        log_variances_q: Log-variances :math:`t`, shape ``[..., D]``, the same.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> means_p, log_variances_p = jnp.zeros(1), jnp.zeros(1)
        >>> jaxloss.gaussian_kl(means_p, log_variances_p, jnp.ones(1), 2 * jnp.log(2 * jnp.ones(1)))
        Array(0.44314718, dtype=float32)

    Reference:
        Ho, Jain and Abbeel (2020), Denoising Diffusion Probabilistic Models.
        https://arxiv.org/abs/2006.11239
    """
    inputs = {
        "means_p": means_p,
        "log_variances_p": log_variances_p,
        "means_q": means_q,
        "log_variances_q": log_variances_q,
    }
    inputs = dict(zip(inputs, checks.floating(**inputs), strict=True))
    checks.with_axes("latent", means_p=inputs["means_p"])
    checks.same_shape(**inputs)
    means_p, log_variances_p, means_q, log_variances_q = blank(where, *inputs.values(), event_ndim=1)
    values = 0.5 * jnp.sum(_gaussian(means_p - means_q, log_variances_p, log_variances_q), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _gaussian(shift: Array, log_variances_p: Array, log_variances_q: Array) -> Array:
    excess, none = numerics.exp_excess(log_variances_p - log_variances_q), shift == 0
    # In standard deviations; 0 where it is 0, for any deviation, 0 included.
    steps = shift * jnp.exp(-0.5 * jnp.where(none, jnp.zeros((), shift.dtype), log_variances_q))
    return as_one_loop(excess + jnp.square(steps))


def multivariate_gaussian_kl(
    means_p: ArrayLike,
    scale_trils_p: ArrayLike,
    means_q: ArrayLike,
    scale_trils_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of two Gaussians with full covariances, ``p`` the first argument.

    .. math:: \ell = \tfrac12 \left( \lVert L_q^{-1} L_p \rVert_F^2 - D + \lVert L_q^{-1} (\mu - \nu) \rVert_2^2
              \right) + \sum_d \log \frac{(L_q)_{dd}}{(L_p)_{dd}}

    for :math:`p = \mathcal N(\mu, L_p L_p^\top)` and :math:`q = \mathcal N(\nu, L_q L_q^\top)`; the expectation is over
    ``p``. Any lower triangular matrix with a positive diagonal is a Cholesky factor of a covariance.

    Args:
        means_p: Means :math:`\mu`, shape ``[..., D]``, floating.
        scale_trils_p: Factors :math:`L_p`, shape ``[..., D, D]``, floating; a diagonal that is not > 0 gives NaN, and
            what stands above it is not read.
        means_q: Means :math:`\nu`, shape ``[..., D]``, the same as ``means_p``.
        scale_trils_q: Factors :math:`L_q`, shape ``[..., D, D]``.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, or D is 0.

    Example:
        >>> means_p, means_q = jnp.zeros(2), jnp.ones(2)
        >>> jaxloss.multivariate_gaussian_kl(means_p, jnp.eye(2), means_q, 2 * jnp.eye(2))
        Array(0.88629436, dtype=float32)

    Reference:
        Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, appendix A.5.
        https://gaussianprocess.org/gpml/chapters/RWA.pdf
    """
    means_p, scale_trils_p, means_q, scale_trils_q = checks.floating(
        means_p=means_p, scale_trils_p=scale_trils_p, means_q=means_q, scale_trils_q=scale_trils_q
    )
    checks.with_axes("dimensions", means_p=means_p)
    checks.same_shape(means_p=means_p, means_q=means_q)
    square = (*means_p.shape, means_p.shape[-1])
    checks.has_shape(square, "one factor [D, D] per mean", scale_trils_p=scale_trils_p, scale_trils_q=scale_trils_q)
    # Filled with ones, the triangle is invertible.
    factors = (hide(where, factor, event_ndim=2, fill=1) for factor in (scale_trils_p, scale_trils_q))
    means = (hide(where, mean, event_ndim=1) for mean in (means_p, means_q))
    means_p, means_q, scale_trils_p, scale_trils_q = promote(*means, *factors)
    lower_p, lower_q = jnp.tril(scale_trils_p), jnp.tril(scale_trils_q)
    # In units of q, what p has more of: zero to the last bit where the two are equal.
    columns = jnp.concatenate([lower_p - lower_q, (means_p - means_q)[..., None]], axis=-1)
    excess = jax.lax.linalg.triangular_solve(lower_q, columns, left_side=True, lower=True)
    scales = jnp.diagonal(excess, axis1=-2, axis2=-1)
    rest = jnp.sum(jnp.square(jnp.tril(excess[..., :-1], -1)), axis=(-2, -1)) + jnp.sum(
        jnp.square(excess[..., -1]), axis=-1
    )
    values = 0.5 * (jnp.sum(numerics.exp_excess(2 * jnp.log1p(scales)), axis=-1) + rest)
    diagonals = (jnp.diagonal(factor, axis1=-2, axis2=-1) for factor in (lower_p, lower_q))
    valid = [jnp.all(diagonal > 0, axis=-1) for diagonal in diagonals]
    return reduce(numerics.poison(values, valid[0] & valid[1]), where=where, weights=weights, reduction=reduction)
