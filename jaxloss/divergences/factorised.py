"""The Kullback-Leibler divergence of factorised distributions other than Gaussians: Bernoulli, Laplace, Poisson."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.entropies import relative_entropy
from jaxloss._floor.maths.numerics import magnitude
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.maths.sigmoids import negative_log_sigmoids
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["bernoulli_kl", "laplace_kl", "poisson_kl"]


def _parameters(where: ArrayLike | None, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Floating parameters ``[..., D]`` of one shape, 0 where masked."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.with_axes("latent", allow_empty=False, **named)
    checks.same_shape(**named)
    return blank(where, *named.values(), event_ndim=1)


def bernoulli_kl(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of independent Bernoulli variables, from logits.

    .. math:: \ell = \sum_d p_d \log \frac{p_d}{q_d} + (1 - p_d) \log \frac{1 - p_d}{1 - q_d}

    The expectation is over ``p``, the first. Summed over the last axis and averaged over examples, like `gaussian_kl`.
    `kl_divergence_from_logits` is that of one categorical variable.

    Args:
        logits_p: Log-odds of :math:`p`, shape ``[..., D]``, floating.
        logits_q: Log-odds of :math:`q`, shape ``[..., D]``, the same; never broadcast; 0 for a fair coin.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.bernoulli_kl(jnp.array([100.0, 0.0]), jnp.zeros(2))
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    logits_p, logits_q = _parameters(where, logits_p=logits_p, logits_q=logits_q)
    sides = zip(negative_log_sigmoids(logits_p), negative_log_sigmoids(logits_q), strict=True)
    heads, tails = (relative_entropy(-p, -q) for p, q in sides)
    return reduce(jnp.sum(heads + tails, axis=-1), where=where, weights=weights, reduction=reduction)


@separate
def _laplace(shift: Array, log_scales_p: Array, log_scales_q: Array) -> Array:
    distance, ratio, zero = magnitude(shift), log_scales_p - log_scales_q, jnp.zeros((), shift.dtype)
    excess, same = numerics.exp_excess(ratio), distance == 0
    # Beyond, exp(-a) is nothing beside a, and a may overflow.
    apart = ~same & (jnp.log(jnp.where(same, jnp.ones((), distance.dtype), distance)) - log_scales_p > 6)
    steps = distance * jnp.exp(-jnp.where(same | apart, zero, log_scales_p))
    near = (steps < 1) & ~apart
    # Not by expm1, which takes XLA on CPU several times as long: from a step of 1 on nothing is lost.
    drop = jnp.where(apart, zero - 1, jnp.exp(-jnp.where(near | apart, zero, steps)) - 1)
    far = distance * jnp.exp(-jnp.where(same, zero, log_scales_q)) + jnp.exp(ratio) * drop
    close = jnp.exp(ratio) * numerics.exp_excess(-jnp.where(near, steps, zero))
    # A selection last: XLA on CPU makes one loop of what is in front of it.
    return jnp.where(near, excess + close, excess + far)


def laplace_kl(
    locations_p: ArrayLike,
    log_scales_p: ArrayLike,
    locations_q: ArrayLike,
    log_scales_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of independent Laplace variables.

    .. math:: \ell = \sum_d \log \frac{b_q}{b_p} + \frac{b_p e^{-|\mu - \nu| / b_p} + |\mu - \nu|}{b_q} - 1

    The expectation is over ``p``, the first. Summed over the last axis and averaged over examples, like `gaussian_kl`.

    Args:
        locations_p: Locations :math:`\mu`, shape ``[..., D]``, floating.
        log_scales_p: Logarithms of the scales :math:`b_p`, shape ``[..., D]``, the same; never broadcast.
        locations_q: Locations :math:`\nu`, shape ``[..., D]``, the same.
        log_scales_q: Logarithms of the scales :math:`b_q`, shape ``[..., D]``, the same.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.laplace_kl(jnp.zeros(1), jnp.zeros(1), jnp.ones(1), jnp.zeros(1))
        Array(0.36787945, dtype=float32)

    Reference:
        Meyer (2021), An Alternative Probabilistic Interpretation of the Huber Loss, section 3.
        https://arxiv.org/abs/1911.02088
    """
    locations_p, log_scales_p, locations_q, log_scales_q = _parameters(
        where, locations_p=locations_p, log_scales_p=log_scales_p, locations_q=locations_q, log_scales_q=log_scales_q
    )
    values = jnp.sum(_laplace(locations_p - locations_q, log_scales_p, log_scales_q), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def poisson_kl(
    log_rates_p: ArrayLike,
    log_rates_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(p || q) of independent Poisson counts.

    .. math:: \ell = \sum_d \lambda_d \log \frac{\lambda_d}{\kappa_d} - \lambda_d + \kappa_d

    The expectation is over ``p``, the first. Summed over the last axis and averaged over examples, like `gaussian_kl`.

    Args:
        log_rates_p: Logarithms of the rates :math:`\lambda`, shape ``[..., D]``, floating; -inf for a rate of 0.
        log_rates_q: Logarithms of the rates :math:`\kappa`, shape ``[..., D]``, the same; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient there, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.poisson_kl(jnp.log(jnp.array([2.0])), jnp.zeros(1))
        Array(0.38629436, dtype=float32)

    Reference:
        Csiszar (1991), Why Least Squares and Maximum Entropy?
        https://doi.org/10.1214/aos/1176348385
    """
    log_rates_p, log_rates_q = _parameters(where, log_rates_p=log_rates_p, log_rates_q=log_rates_q)
    values = jnp.sum(_poisson_entropy(log_rates_p, log_rates_q), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _poisson_entropy(log_rates_p: Array, log_rates_q: Array) -> Array:
    """`relative_entropy` of two rates, finite wherever the exact result is: equal rates that overflow differ by 0."""
    larger = jax.lax.stop_gradient(jnp.maximum(log_rates_p, log_rates_q))
    # In steps whose exponentials are constants: an exponential for every entry would cost as much as the entropy.
    step = float(int(math.log(float(jnp.finfo(larger.dtype).max)) / 2))
    few, more, most = (larger <= count * step for count in (1, 2, 3))
    zero, one = jnp.zeros((), larger.dtype), jnp.ones((), larger.dtype)
    shift = jnp.where(few, zero, jnp.where(more, step, jnp.where(most, 2 * step, larger - step)))
    factor = jnp.where(few, one, jnp.where(more, math.exp(step), math.exp(2 * step)))
    entropy = relative_entropy(log_rates_p - shift, log_rates_q - shift)
    # A selection last: XLA on CPU would store the factor and the entropy for their product.
    return jnp.where(few, entropy, factor * entropy)
