r"""Tsallis entmax of orders above 2, whose probabilities rise like a root from the threshold.

With :math:`\delta = \alpha - 1 > 1` the probabilities are :math:`p_k = [\delta (z_k - \theta)]_+^{1 / \delta}`. The
slope at the threshold :math:`\theta` is infinite: no float of it is near enough to tell the probability of a class that
is just above. Therefore the class just above, the edge, is found first. Its probability :math:`p_e` is the unknown, and
those of the others come from their distance from it, which is exact:

.. math:: p_k = \bigl(p_e^\delta + \delta (z_k - z_e)\bigr)^{1 / \delta}

Their sum is a convex function of :math:`p_e` with a slope between 1 and the number of classes. Newton's method from the
right never oversteps, and every step divides the product of residual and slope by four at least.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array
from jaxloss.margin._tsallis import lack_integral, tsallis_entropy

_MAX_STEPS = 100


@jax.jit
def steep_loss(logits: Array, others: Array, alpha: Array) -> Array:
    """The Fenchel-Young loss of a class; ``others`` ``[..., classes]`` is True for the classes that are not it.

    Its gradient is ``entmax - one_hot`` and its Hessian the Jacobian of entmax.
    """
    probs, edge, lift = _entmax(logits, alpha)
    return _loss(logits, others, alpha, probs, edge, lift)


def _edge(logits: Array, delta: Array) -> Array:
    """The smallest logit ``[...]`` whose probability is above 0: with the threshold there, the sum is still below 1."""
    falling = -jnp.sort(-logits, axis=-1)
    inside = jnp.zeros(logits.shape[:-1], jnp.int32)
    outside = jnp.full_like(inside, logits.shape[-1])

    def halve(bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        inside, outside = bracket
        middle = (inside + outside) // 2
        above = falling - jnp.take_along_axis(falling, middle[..., None], axis=-1, mode="promise_in_bounds")
        # `log(0)` is -inf, whose power is 0.
        powers = jnp.exp(jnp.log(jnp.where(above > 0, delta * above, 0)) / delta)
        within = jnp.sum(powers, axis=-1) < 1
        return jnp.where(within, middle, inside), jnp.where(within, outside, middle)

    inside, _ = jax.lax.while_loop(lambda ends: jnp.any(ends[1] - ends[0] > 1), halve, (inside, outside))
    edge = jnp.take_along_axis(falling, inside[..., None], axis=-1, mode="promise_in_bounds")[..., 0]
    return jnp.where(jnp.isneginf(edge), jnp.zeros((), edge.dtype), edge)


@jax.custom_jvp
def _entmax(logits: Array, alpha: Array) -> tuple[Array, Array, Array]:
    """The probabilities, the logit of the edge, and how far that is above the threshold."""
    delta, eps = alpha - 1, jnp.finfo(logits.dtype).eps
    edge = _edge(logits, delta)
    above = numerics.difference(logits, jnp.broadcast_to(edge[..., None], logits.shape))
    members = above >= 0
    top = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1], dtype=jnp.bool_)
    distance = jnp.log(jnp.where(above > 0, delta * above, 0))

    def logarithms(least: Array) -> Array:
        return jnp.logaddexp(delta * jnp.log(least)[..., None], distance) / delta

    def newton(state: tuple[Array, ...]) -> tuple[Array, ...]:
        count, least, busy = state
        logs = logarithms(least)
        # Without the one of the top class, which is near 1, the sum is as exact as its small terms.
        parts = jnp.where(members, jnp.where(top, jnp.expm1(logs), jnp.exp(logs)), 0)
        rates = jnp.where(above > 0, jnp.exp((delta - 1) * (jnp.log(least)[..., None] - logs)), 1)
        excess, noise = jnp.sum(parts, axis=-1), eps * jnp.sum(jnp.abs(parts), axis=-1)
        step = numerics.divide(excess, jnp.sum(jnp.where(members, rates, 0), axis=-1))
        better = jnp.where(busy, jnp.maximum(least - step, 0), least)
        return count + 1, better, busy & (excess > 4 * noise)

    number = jnp.maximum(jnp.sum(members, axis=-1, dtype=jnp.int32), 1).astype(logits.dtype)
    start = (jnp.zeros((), jnp.int32), 1 / number, jnp.isfinite(jnp.max(logits, axis=-1)))
    least = jax.lax.while_loop(lambda state: jnp.any(state[-1]) & (state[0] < _MAX_STEPS), newton, start)[1]
    probs = jnp.where(members, jnp.exp(logarithms(least)), 0)
    peak = jnp.max(logits, axis=-1, keepdims=True)
    probs = numerics.poison(probs, jnp.isfinite(peak) | jnp.isneginf(peak))
    return probs, edge, jnp.exp(delta * jnp.log(least)) / delta


@_entmax.defjvp
def _entmax_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    r"""The implicit function theorem, with :math:`s_k = p_k^{1 - \delta}` and shares :math:`s_k / \sum_j s_j`.

    The slope of the least probability may leave the range of the dtype, its product with what is left of its own
    tangent does not: it is minus the sum of the others.
    """
    (logits, alpha), (d_logits, d_alpha) = primals, tangents
    probs, edge, lift = _entmax(logits, alpha)
    delta, present = alpha - 1, probs > 0
    logs = jnp.log(jnp.where(present, probs, 1))
    rising = jnp.where(present, (1 - delta) * logs, -jnp.inf)
    slopes = jnp.exp(jnp.minimum(rising, 0.5 * math.log(float(jnp.finfo(probs.dtype).max))))
    shares = jnp.exp(jnp.where(present, rising - numerics.log_sum_exp(rising)[..., None], -jnp.inf))
    place = jnp.argmin(jnp.where(present, probs, jnp.inf), axis=-1)
    chosen = jax.nn.one_hot(place, logits.shape[-1], dtype=jnp.bool_)
    relative = jnp.where(present, d_logits - jnp.sum(jnp.where(chosen, d_logits, 0), axis=-1, keepdims=True), 0)
    moved = slopes * (relative - jnp.sum(shares * relative, axis=-1, keepdims=True))
    own = probs * (1 / delta - logs) / delta
    turned = own - shares * jnp.sum(own, axis=-1, keepdims=True)
    total = moved + turned * d_alpha
    rest = jnp.sum(jnp.where(chosen, 0, total), axis=-1, keepdims=True)
    return (probs, edge, lift), (jnp.where(chosen, -rest, total), jnp.zeros_like(edge), jnp.zeros_like(lift))


@jax.custom_jvp
def _loss(logits: Array, others: Array, alpha: Array, probs: Array, edge: Array, lift: Array) -> Array:
    r"""A sum of positive terms: exactly 0 inside the margin and accurate near it.

    .. math:: \frac1\alpha \sum_{k \ne y} p_k^\alpha + \int_0^s t (1 - t)^{\alpha - 2} dt + [\theta - z_y]_+,
              \quad s = \sum_{k \ne y} p_k

    The integral is :math:`(1 - (1 - s)^\delta (1 + \delta s)) / (\alpha \delta)`, which cancels for a small s.
    """
    delta = alpha - 1
    rivals = jnp.where(others, probs, 0)
    missing = jnp.sum(rivals, axis=-1)
    own = jnp.where(missing <= 0.5, jnp.log1p(-missing), jnp.log(jnp.sum(jnp.where(others, 0, probs), axis=-1)))
    closed = -jnp.expm1(delta * own + jnp.log1p(delta * missing)) / (alpha * delta)
    near = (missing <= 0.5) & (delta * missing <= 2)
    integral = jnp.where(near, lack_integral(jnp.where(near, missing, 0), alpha), closed)
    behind = numerics.positive_part((edge - jnp.sum(jnp.where(others, 0, logits), axis=-1)) - lift)
    return jnp.sum(numerics.power(rivals, alpha), axis=-1) / alpha + integral + behind


@_loss.defjvp
def _loss_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    """The threshold is a stationary point, so the loss has no slope in it: the envelope theorem."""
    _, others, alpha, probs, *_ = primals
    d_logits, _, d_alpha, *_ = tangents
    d_own = jnp.sum(jnp.where(others, 0, d_logits), axis=-1, keepdims=True)
    slope = jnp.sum(jnp.where(others, probs, 0) * (d_logits - d_own), axis=-1)
    return _loss(*primals), slope + jax.jvp(lambda a: tsallis_entropy(probs, a), (alpha,), (d_alpha,))[1]
