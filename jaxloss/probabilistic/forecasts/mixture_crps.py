"""Continuous ranked probability score of a mixture of normal distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.separate import as_one_loop
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

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
    shares, centers, spreads = (jnp.moveaxis(x, -1, 0) for x in (jax.nn.softmax(logits, axis=-1), means, scales))
    values = _mixture(shares, centers, spreads, targets)
    values = value_checks.within_domain(values, jnp.all(scales > 0, axis=-1), "scales must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _slopes(error: Array, scale: Array) -> tuple[Array, Array]:
    """Those of the mean distance from 0, in the error and in the scale."""
    z = quotient(error, scale)
    return jax.lax.erf(z * math.sqrt(0.5)), math.sqrt(2 / math.pi) * jnp.exp(-0.5 * jnp.square(z))


def _mean_distance(error: Array, scale: Array) -> Array:
    # Homogeneous of degree 1, so it is made of its own slopes (Euler).
    in_error, in_scale = _slopes(error, scale)
    return as_one_loop(error * in_error + scale * in_scale)


def _joint(first: Array, second: Array) -> Array:
    larger, smaller = jnp.maximum(first, second), jnp.minimum(first, second)
    return larger * jnp.sqrt(1 + jnp.square(quotient(smaller, larger)))


def _over_draws(term: Callable[[Array, Array], Any], shares: Array, means: Array, scales: Array) -> Any:
    """The expectation of ``term``, of the distance from a component and the joint scale, in the choice of that one.

    The components lead. A CPU visits them one by one: of all pairs at once it would store dozens of arrays.
    """

    def terms(share: Array, mean: Array, scale: Array) -> Any:
        found = term(means - mean[None], _joint(scales, jnp.broadcast_to(scale, scales.shape)))
        return jax.tree.map(lambda x: share[None] * x, found)

    def one_by_one(*components: Array) -> Any:
        visit = lambda total, component: (jax.tree.map(jnp.add, total, terms(*component)), None)
        start = jax.tree.map(jnp.zeros_like, term(means, scales))
        return jax.lax.scan(visit, vary_over(start, varying_axes(shares * means * scales)), components)[0]

    def at_once(*components: Array) -> Any:
        return jax.tree.map(lambda x: jnp.sum(x, axis=0), jax.vmap(terms)(*components))

    return jax.lax.platform_dependent(shares, means, scales, cpu=one_by_one, default=at_once)


def _mixture_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    shares, means, scales, targets = apart_on_cpu(*primals)

    def slopes(error: Array, spread: Array) -> tuple[Array, Array, Array]:
        in_error, in_scale = _slopes(error, spread)
        return in_error, in_scale * quotient(scales, spread), error * in_error + spread * in_scale

    turn, widening, to_draw = _over_draws(slopes, shares, means, scales)
    in_error, in_scale = _slopes(targets[None] - means, scales)
    in_shares = (targets[None] - means) * in_error + scales * in_scale - to_draw
    of_components = shares * ((in_scale - widening) * tangents[2] - (in_error + turn) * tangents[1])
    along = of_components + in_shares * tangents[0] + (shares * in_error) * tangents[3][None]
    return _mixture(*primals), jnp.sum(along, axis=0)


@with_rule(_mixture_jvp)
def _mixture(shares: Array, means: Array, scales: Array, targets: Array) -> Array:
    """The score, of components ``[K, ...]``."""
    to_draw = _over_draws(_mean_distance, shares, means, scales)
    return jnp.sum(shares * (_mean_distance(targets[None] - means, scales) - 0.5 * to_draw), axis=0)
