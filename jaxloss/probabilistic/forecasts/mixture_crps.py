"""Continuous ranked probability score of a mixture of normal distributions."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.probabilistic.forecasts._gaussian import gaussian_score

__all__ = ["gaussian_mixture_crps"]


def gaussian_mixture_crps(
    logits: ArrayLike,
    means: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of a mixture of normal distributions, in closed form.

    .. math:: \ell = \sum_k \pi_k \, A(y - \mu_k, \sigma_k) - \frac12 \sum_{k, l} \pi_k \pi_l \,
              A \Big( \mu_k - \mu_l, \sqrt{\sigma_k^2 + \sigma_l^2} \Big), \qquad
              A(e, s) = e \left( 2 \Phi \big( \tfrac es \big) - 1 \right) + 2 s \, \varphi \big( \tfrac es \big)

    with :math:`\pi = \mathrm{softmax}(z)`; :math:`A(e, s)` is the mean distance from 0 of a normal variable. Beside
    `gaussian_mixture_nll` it is in the units of the data, forgives outliers and does not reward a component that
    shrinks onto one target. It takes the scales, not the variances, and compares all pairs of components.

    Args:
        logits: Shape ``[..., K]``, floating, the unnormalised log-weights :math:`z` of the components; -inf for one
            that is absent.
        means: Shape ``[..., K]``, the same.
        scales: Shape ``[..., K]``, the same; the standard deviations :math:`\sigma`; > 0, NaN otherwise.
        targets: Shape ``[...]``, floating or integer.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar > 0, in units of ``targets``.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes do not match, or K is 0.

    Example:
        >>> means = jnp.array([-1.0, 1.0])
        >>> score = jaxloss.gaussian_mixture_crps(jnp.zeros(2), means, jnp.ones(2), jnp.array(0.0))
        >>> print(f"{score:.4f}")
        0.3594

    Reference:
        Grimit et al. (2006), The Continuous Ranked Probability Score for Circular Variables and Its Application to
        Mesoscale Forecast Ensemble Verification. https://doi.org/10.1256/qj.05.235
    """
    logits, means, scales = checks.values(logits=logits, means=means, scales=scales)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("components", logits=logits)
    checks.has_shape(logits.shape[:-1], "logits.shape[:-1], the component axis is last", targets=targets)
    logits, means = hide(where, logits, event_ndim=1), hide(where, means, event_ndim=1)
    scales, targets = hide(where, scales, event_ndim=1, fill=1), hide(where, targets)
    logits, means, scales, targets = promote(logits, means, scales, targets)
    values = _mixture(jax.nn.softmax(logits, axis=-1), means, scales, targets)
    values = value_checks.within_domain(values, jnp.all(scales > 0, axis=-1), "scales must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _mean_distance(error: Array, scale: Array) -> Array:
    return gaussian_score(error, scale) + scale / math.sqrt(math.pi)


def _mixture(shares: Array, means: Array, scales: Array, targets: Array) -> Array:
    to_target = jnp.sum(shares * _mean_distance(targets[..., None] - means, scales), axis=-1)
    first, second = scales[..., :, None], scales[..., None, :]
    larger, smaller = jnp.maximum(first, second), jnp.minimum(first, second)
    spread = larger * jnp.sqrt(1 + jnp.square(quotient(smaller, larger)))
    between = _mean_distance(means[..., :, None] - means[..., None, :], spread)
    return to_target - 0.5 * jnp.sum(shares[..., :, None] * shares[..., None, :] * between, axis=(-2, -1))
