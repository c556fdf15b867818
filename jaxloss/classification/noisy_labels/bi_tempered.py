"""The bi-tempered logistic loss: a softmax with heavy tails under a bounded logarithm.

Tempered functions are written in :math:`s = 1 - t`, with their limits at 0 guarded, so that both temperatures may
be traced and pass through 1.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import blank, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["bi_tempered_logistic_loss"]

NEWTON_STEPS = 12
SERIES_TERMS = 18


def _tempered_expm1(x: Array, s: Array) -> Array:
    """``expm1(s x) / s``, and x where s is 0."""
    limit = s == 0
    safe = jnp.where(limit, jnp.ones((), s.dtype), s)
    return jnp.where(limit, x, jnp.expm1(safe * x) / safe)


def _log_tempered_exp(x: Array, s: Array) -> Array:
    """``log exp_t(x) = log1p(s x) / s`` for ``x <= 0``, -inf off the support; at s = 0 its limit and slope."""
    absent = jnp.isneginf(x)
    x = jnp.where(absent, jnp.zeros((), x.dtype), x)
    outside = absent | (s * x <= -1)
    x = jnp.where(outside, jnp.zeros((), x.dtype), x)
    limit = s == 0
    safe = jnp.where(limit, jnp.ones((), s.dtype), s)
    tempered = jnp.log1p(jnp.where(limit, jnp.zeros((), x.dtype), s * x)) / safe
    # exp(x) is 0 long before the square, which only serves the slope in s, could overflow.
    plain = x - 0.5 * s * jnp.square(jnp.maximum(x, -1e9))
    return jnp.where(outside, jnp.asarray(-jnp.inf, x.dtype), jnp.where(limit, plain, tempered))


def _normalizer_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    below, s = primals
    shift = _normalizer(below, s)
    logs, slopes = jax.jvp(lambda x, s: _log_tempered_exp(x - shift[..., None], s), primals, tangents)
    escort = jnp.sum(jnp.exp((1 - s) * logs), axis=-1)
    return shift, jnp.sum(jnp.exp(logs) * slopes, axis=-1) / escort


@with_rule(_normalizer_jvp)
def _normalizer(below: Array, s: Array) -> Array:
    """The shift ``d >= 0`` with ``sum exp_t(below - d) = 1`` over the last axis, whose largest entry is 0.

    Newton's method on ``(sum exp_t)^s``: concave in d for s < 0, convex for s > 0, so that from d = 0 it climbs
    without overshooting; at s = 0 one step is log-sum-exp. The largest entry is kept apart from the others, so that a
    small d has its full relative accuracy.
    """
    top = jnp.argmax(below, axis=-1, keepdims=True)
    first = jax.lax.broadcasted_iota(top.dtype, below.shape, below.ndim - 1) == top

    def step(_: int, shift: Array) -> Array:
        logs = _log_tempered_exp(below - shift[..., None], s)
        excess = jnp.sum(jnp.where(first, jnp.expm1(logs), jnp.exp(logs)), axis=-1)
        log_mass = jnp.log1p(excess)
        escort = jnp.sum(jnp.exp((1 - s) * logs), axis=-1)
        return shift + jnp.exp((1 - s) * log_mass) * _tempered_expm1(log_mass, s) / escort

    start = vary_over(jnp.zeros(below.shape[:-1], below.dtype), varying_axes(below))
    return jax.lax.fori_loop(0, NEWTON_STEPS, step, start)


def _divergence(log_probs: Array, targets: Array, s: Array) -> Array:
    """The Bregman divergence of the tempered logarithm, per class, from targets to probabilities.

    With r the log-ratio it is ``t^(1 + s) (expm1((1 + s) r) / (1 + s) - expm1(s r) / s)``: small ratios go through its
    power series, which starts at r^2 / 2.
    """
    tiny = float(jnp.finfo(targets.dtype).tiny)
    log_targets = jnp.log(jnp.maximum(targets, tiny))
    both_zero = (targets == 0) & jnp.isneginf(log_probs)
    ratio = jnp.where(both_zero, jnp.zeros((), targets.dtype), log_probs) - log_targets
    near = (jnp.abs(ratio) < 0.5) & (targets > 0)
    scale = targets * jnp.exp(s * log_targets)
    close = scale * _small_gap(jnp.where(near, ratio, jnp.zeros((), ratio.dtype)), s)
    far = (jnp.exp((1 + s) * log_probs) - scale) / (1 + s) - scale * _tempered_expm1(ratio, s)
    return jnp.where(near, close, far)


def _small_gap(ratio: Array, s: Array) -> Array:
    """``expm1((1 + s) r) / (1 + s) - expm1(s r) / s`` by its series, for ``|r| < 1 / 2``."""
    coefficients = [((1 + s) ** (n - 1) - s ** (n - 1)) / float(math.factorial(n)) for n in range(2, SERIES_TERMS)]
    total = jnp.zeros_like(ratio)
    for coefficient in reversed(coefficients):
        total = total * ratio + coefficient
    return total * jnp.square(ratio)


def bi_tempered_logistic_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    t1: Scalar = 0.8,
    t2: Scalar = 1.2,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bi-tempered logistic loss: a bounded logarithm (``t1`` < 1) and a heavy-tailed softmax (``t2`` > 1).

    With :math:`\log_t x = (x^{1 - t} - 1) / (1 - t)`, its inverse :math:`\exp_t`, and the shift
    :math:`\lambda` at which the probabilities sum to one:

    .. math:: \ell = \sum_k y_k (\log_{t_1} y_k - \log_{t_1} p_k)
              - \frac{y_k^{2 - t_1} - p_k^{2 - t_1}}{2 - t_1},
              \qquad p_k = \exp_{t_2}(z_k - \lambda)

    ``t1`` below 1 bounds the loss of outliers, ``t2`` above 1 keeps a gradient on mislabelled examples near the
    boundary. With both 1 it is the divergence of the softmax from the targets, for one-hot targets cross-entropy.
    The shift is found by a fixed number of Newton steps and differentiated implicitly, to any order.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        targets: Shape ``[..., K]``, distributions, >= 0; smooth them before the call if wanted. A negative target
            gives NaN.
        t1: Temperature of the logarithm; in [0, 2), usually below 1, where the loss is bounded.
        t2: Temperature of the softmax; > 0. Above 1 tails are heavy, below 1 improbable classes get exactly 0. Below
            ``t1`` the gradient is unbounded near probability 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 at ``p == targets``.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ, the class axis is empty, or a temperature is out of range.

    Example:
        >>> logits, targets = jnp.array([[2.0, 0.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0]])
        >>> print(f"{jaxloss.bi_tempered_logistic_loss(logits, targets):.5f}")
        0.21482

    Reference:
        Amid et al. (2019), Robust Bi-Tempered Logistic Loss Based on Bregman Divergences.
        https://arxiv.org/abs/1906.03361
    """
    logits, targets = checks.scores_and_targets(logits=logits, targets=targets)
    logits, targets = promote(logits, targets)
    logits, targets = blank(where, logits, targets, event_ndim=1, fill=1 / targets.shape[-1])
    value_checks.ensure_probabilities(sum_to_one=True, targets=targets)
    t1 = checks.scalar("t1", t1, logits.dtype, at_least=0, below=2)
    t2 = checks.scalar("t2", t2, logits.dtype, above=0)
    targets = numerics.poison(targets, targets >= 0)
    s1, s2 = (jnp.asarray(1 - t, logits.dtype) for t in (t1, t2))
    peak = jnp.max(jax.lax.stop_gradient(logits), axis=-1, keepdims=True)
    below = logits - jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)
    log_probs = _log_tempered_exp(below - _normalizer(below, s2)[..., None], s2)
    values = jnp.sum(_divergence(log_probs, targets, s1), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
