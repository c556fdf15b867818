r"""Tsallis entmax of orders up to 2: the sparse probabilities behind the Fenchel-Young losses of Tsallis entropies.

With logits shifted so that the largest is 0 and :math:`\delta = \alpha - 1 > 0` the probabilities are
:math:`p_k = [1 + \delta (z_k - \lambda)]_+^{1 / \delta}`, and the threshold :math:`\lambda \ge 0` makes them sum to 1.
It tends to the log-sum-exp for :math:`\alpha \to 1`, and nothing here loses precision on the way. Orders above 2 are
in ``_steep_entmax``.

The argument ``whole`` is :math:`1 / \delta` if that is a small whole number known now (1 for sparsemax, 2 for
1.5-entmax), so that no logarithm is needed, else None.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array
from jaxloss.margin._tsallis import lack_integral, tsallis_entropy

_MAX_STEPS = 100


@functools.partial(jax.jit, static_argnames="whole")
def tsallis_loss(logits: Array, others: Array, alpha: Array, whole: int | None) -> Array:
    """The Fenchel-Young loss of a class; ``others`` ``[..., classes]`` is True for the classes that are not it.

    Its gradient is ``entmax - one_hot`` and its Hessian the Jacobian of entmax, exactly.
    """
    shifted = _below_peak(logits)
    return _loss(shifted, others, alpha, *_threshold(shifted, alpha, whole), whole)


@jax.custom_jvp
def _below_peak(logits: Array) -> Array:
    """The logits less the largest, which is a constant of differentiation: exactly 0 at its place, at most 0 elsewhere.

    The place is looked up. A product in front of the loss is fused into the subtraction, which then leaves a rounding
    error where it should leave 0, while all that follows rests on the largest entry being 0.
    """
    peak = jnp.max(logits, axis=-1, keepdims=True)
    top = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1], dtype=jnp.bool_) & jnp.isfinite(peak)
    shifted = jnp.minimum(logits - jnp.where(jnp.isneginf(peak), jnp.zeros((), logits.dtype), peak), 0)
    return jnp.where(top, jnp.zeros((), logits.dtype), shifted)


_below_peak.defjvps(lambda tangent, *_: tangent)


def _q_exp(x: Array, alpha: Array, whole: int | None) -> Array:
    """Tsallis' exponential ``(1 + (alpha - 1) x)_+ ** (1 / (alpha - 1))``, with zero derivatives where it is 0."""
    if whole is not None:
        return jax.lax.integer_pow(numerics.positive_part(1 + x / whole), whole)
    delta = alpha - 1
    absent = jnp.isneginf(x)
    reached = jnp.where(absent, jnp.zeros((), x.dtype), x)
    inside = jnp.logical_not(absent) & (delta * reached > -1)
    logarithm = jnp.log1p(delta * jnp.where(inside, reached, jnp.zeros((), x.dtype))) / delta
    return jnp.where(inside, jnp.exp(logarithm), jnp.where(jnp.isnan(x), x, jnp.zeros((), x.dtype)))


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _threshold(shifted: Array, alpha: Array, whole: int | None) -> tuple[Array, Array]:
    """The root of ``sum(q_exp(shifted - root)) = 1`` over the last axis, and what is to be added after its last digit.

    Newton's method on the norm ``sum(...) ** (alpha - 1)``, which is convex up to alpha = 2 and then never
    oversteps; halving of the bracket now and then keeps every input within a few steps.
    """
    delta, tiny = alpha - 1, jnp.finfo(shifted.dtype).eps
    top = jax.nn.one_hot(jnp.argmax(shifted, axis=-1), shifted.shape[-1], dtype=jnp.bool_)

    def newton(root: Array) -> tuple[Array, Array]:
        """The sum less 1, as relatively exact as the root, and Newton's step."""
        probs, slopes = _probs_and_slopes(shifted, root, alpha, whole)
        excess = jnp.sum(jnp.where(top, 0, probs), axis=-1) + _q_expm1(-root, alpha)
        gain = -jnp.expm1(-delta * jnp.log1p(excess)) / delta
        return excess, numerics.divide((1 + excess) * gain, jnp.sum(slopes, axis=-1))

    def improve(state: tuple[Array, ...]) -> tuple[Array, ...]:
        count, root, low, high, busy = state
        excess, step = newton(root)
        low, high = jnp.where(excess >= 0, root, low), jnp.where(excess <= 0, root, high)
        ahead, middle = root + step, 0.5 * (low + high)
        trust = (ahead >= low) & (ahead <= high) & (count % 4 != 3)
        settled = (jnp.abs(step) <= 16 * tiny * root) | (high - low <= tiny * low) | jnp.isnan(step)
        better = jnp.where(settled | trust, jnp.clip(ahead, low, high), middle)
        return count + 1, jnp.where(busy, better, root), low, high, busy & ~settled

    zero = jnp.zeros_like(shifted[..., 0])
    widest = -jnp.expm1(-delta * jnp.log(jnp.asarray(shifted.shape[-1], shifted.dtype))) / delta
    start = (jnp.zeros((), jnp.int32), zero, zero, zero + widest, jnp.isfinite(jnp.max(shifted, axis=-1)))
    root = jax.lax.while_loop(lambda state: jnp.any(state[-1]) & (state[0] < _MAX_STEPS), improve, start)[1]
    root = jnp.where(jnp.isnan(jnp.max(shifted, axis=-1)), jnp.nan, root)
    return root, newton(root)[1]


@_threshold.defjvp
def _threshold_jvp(whole: int | None, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The implicit function theorem on ``sum(q_exp(shifted - root)) = 1``."""
    shifted, alpha = primals
    root, rest = _threshold(shifted, alpha, whole)

    def mass(shifted: Array, alpha: Array, root: Array) -> Array:
        return jnp.sum(_q_exp(shifted - root[..., None], alpha, whole), axis=-1)

    rise = jax.jvp(lambda x, a: mass(x, a, root), primals, tangents)[1]
    fall = jax.jvp(lambda r: mass(shifted, alpha, r), (root,), (jnp.ones_like(root),))[1]
    return (root, rest), (numerics.divide(rise, -fall), jnp.zeros_like(rest))


def _probs_and_slopes(shifted: Array, root: Array, alpha: Array, whole: int | None) -> tuple[Array, Array]:
    at = shifted - root[..., None]
    return jax.jvp(lambda x: _q_exp(x, alpha, whole), (at,), (jnp.ones_like(at),))


def _entmax(shifted: Array, alpha: Array, root: Array, rest: Array, whole: int | None) -> Array:
    """The probabilities; ``rest`` matters for many small ones, whose sum it corrects."""
    probs, slopes = _probs_and_slopes(shifted, root, alpha, whole)
    return probs - jax.lax.stop_gradient(jnp.minimum(rest[..., None] * slopes, probs))


@functools.partial(jax.custom_jvp, nondiff_argnums=(5,))
def _loss(shifted: Array, others: Array, alpha: Array, root: Array, rest: Array, whole: int | None) -> Array:
    r"""A sum of positive terms: exactly 0 inside the margin and accurate near it.

    .. math:: \frac1\alpha \sum_{k \ne y} p_k^\alpha + \int_0^s t (1 - t)^{\alpha - 2} dt, \quad s = \sum_{k \ne y} p_k
    """
    rivals = jnp.where(others, _entmax(shifted, alpha, root, rest, whole), 0)
    missing = jnp.sum(rivals, axis=-1)
    behind = root - jnp.sum(jnp.where(others, 0, shifted), axis=-1)
    own = _q_exp(-behind, alpha, whole)
    far = behind - (1 - numerics.power(own, alpha)) / alpha
    own_part = jnp.where(missing <= 0.5, lack_integral(jnp.where(missing <= 0.5, missing, 0), alpha), far)
    return jnp.sum(numerics.power(rivals, alpha), axis=-1) / alpha + own_part


@_loss.defjvp
def _loss_jvp(whole: int | None, primals: Any, tangents: Any) -> tuple[Array, Array]:
    """The threshold is a stationary point, so the loss has no slope in it: the envelope theorem."""
    shifted, others, alpha, root, rest = primals
    d_shifted, _, d_alpha, *_ = tangents
    probs = _entmax(shifted, alpha, root, rest, whole)
    rivals = jnp.where(others, probs, 0)
    d_own = jnp.sum(jnp.where(others, 0, d_shifted), axis=-1, keepdims=True)
    slope = jnp.sum(rivals * (d_shifted - d_own), axis=-1)
    if whole is None:
        slope += jax.jvp(lambda a: tsallis_entropy(probs, a), (alpha,), (d_alpha,))[1]
    return _loss(*primals, whole), slope


def _q_expm1(x: Array, alpha: Array) -> Array:
    """``q_exp(x) - 1`` to full relative accuracy at 0."""
    delta = alpha - 1
    inside = delta * x > -1
    return jnp.where(inside, jnp.expm1(jnp.log1p(delta * jnp.where(inside, x, 0)) / delta), -1)
