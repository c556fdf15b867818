"""The softmax cross-entropy with a distribution as the target: per-row terms and their derivatives."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.entropies import shown
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.softmax_terms import Terms, below_peak
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array

__all__ = ["target_terms"]


def _shares(below: Array, spread: Array) -> Array:
    """The probabilities. One exponential per entry and one per row: on CPU a fifth faster than one of a difference."""
    return jnp.exp(below) * jnp.exp(-spread)[..., None]


def _spread(below: Array) -> Array:
    """``log sum exp(below)``, to full relative accuracy also where the largest class is almost alone.

    Then, the others being below 1/2, the smaller of ``e`` and ``1 - e`` is summed: exact, and 0 of the largest.
    """
    constant, sizes = jax.lax.stop_gradient, jnp.exp(below)
    total = jnp.sum(sizes, axis=-1)
    others = jnp.sum(jnp.minimum(constant(sizes), 1 - constant(sizes)), axis=-1)
    others = jnp.where(jnp.abs(total - 1) < 0.5, others, constant(total) - 1)
    return jnp.log1p(others + (total - constant(total)))  # with the derivative of the total


def _target_terms_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Terms, Terms]:
    logits, targets, where = primals
    value, spread, peak = target_terms(logits, targets, where)
    total = jnp.sum(shown(where, targets)[0], axis=-1).astype(spread.dtype)
    # With a selection, or XLA on CPU stores the total of a row once for each of its entries.
    selected = lambda total: jnp.where(jnp.isnan(total), jnp.nan, total)
    total = jax.lax.platform_dependent(total, cpu=selected, default=jax.lax.optimization_barrier)[..., None]
    logits, targets = apart_on_cpu(logits, targets)
    below, _ = below_peak(logits, where)
    tangent, towards, targets = shown(where, *tangents[:2], targets)
    share = _shares(below, spread)
    # total * share - targets, without its cancellation where the share of the largest logit nears 1.
    largest = below > -math.sqrt(float(jnp.finfo(below.dtype).eps))
    rest = jnp.expm1(-spread)[..., None] + share * jnp.where(largest, below, jnp.zeros((), below.dtype))
    pull = jnp.where(largest, (total - targets) + total * rest, total * share - targets)
    slope = jnp.sum(pull * tangent + _target_shares(below, spread, targets) * towards, axis=-1)
    return (value, spread, peak), (slope, jnp.sum(share * tangent, axis=-1), jnp.zeros_like(peak))


@with_rule(_target_terms_jvp)
def target_terms(logits: Array, targets: Array, where: Array | None = None) -> Terms:
    """As `label_terms`, with ``sum(-targets * log p)`` in the place of the label's own term."""
    return jax.lax.platform_dependent(logits, targets, where, cpu=_quick_terms, default=_terms)


def _terms(logits: Array, targets: Array, where: Array | None) -> Terms:
    below, peak = below_peak(logits, where)
    spread = _spread(below)
    raised, targets, peak = promote(*(hide(where, array, event_ndim=1) for array in (logits, targets)), peak)
    return jnp.sum(_target_shares(raised - peak[..., None], spread, targets) * targets, axis=-1), spread, peak


def _quick_terms(logits: Array, targets: Array, where: Array | None) -> Terms:
    """The same by plain sums over all rows, if all of these are finite.

    XLA on CPU stores an array for a selection in front of a sum. The sums are not finite where a class is absent, or
    where a mask hides an infinity or NaN.
    """
    peak = jnp.max(jax.lax.stop_gradient(logits), axis=-1)
    # Behind barriers, one for each sum, or the differences would be stored.
    first, peak = jax.lax.optimization_barrier((logits, peak))
    again, other_peak = jax.lax.optimization_barrier((first, peak))
    spread = _quick_spread(first, peak)
    raised, shares, top = promote(again, targets, other_peak)
    value = jnp.sum((spread[..., None] - (raised - top[..., None])) * shares, axis=-1)
    usual = jnp.all(jnp.isfinite(value) & jnp.isfinite(spread))
    of_all = lambda *_: tuple(hide(where, x) for x in (value, spread, top))
    return jax.lax.cond(usual, of_all, _terms, logits, targets, where)


def _quick_spread(logits: Array, peak: Array) -> Array:
    """`_spread`, which looks for the largest class only in a batch where one of them is almost alone."""

    def below(logits: Array) -> Array:
        raised, top = promote(logits, peak)
        return raised - top[..., None]

    total = jnp.sum(jnp.exp(below(logits)), axis=-1)
    alone = jnp.any(jnp.abs(total - 1) < 0.5)
    # Raised inside of the branch, or 16-bit logits would be stored for it.
    return jax.lax.cond(alone, lambda logits: _spread(below(logits)), lambda _: jnp.log1p(total - 1), logits)


def _target_shares(below: Array, spread: Array, targets: Array) -> Array:
    """``-log p`` of every class, 0 where an absent class, of logit -inf, is not asked for."""
    absent = jnp.isneginf(below) & (targets == 0)
    return spread[..., None] - jnp.where(absent, spread[..., None], below)
