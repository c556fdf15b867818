"""The softmax cross-entropy with a distribution as the target: per-row terms and their derivatives."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

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
    below, _ = below_peak(logits, where)
    shown = (hide(where, array, event_ndim=1) for array in (tangents[0], tangents[1], targets))
    tangent, towards, targets = promote(*shown)
    share = _shares(below, spread)
    # Behind a barrier, or XLA on CPU stores the total of a row once for each of its entries.
    total = jax.lax.optimization_barrier(jnp.sum(targets, axis=-1))[..., None]
    # total * share - targets, without its cancellation where the share of the largest logit nears 1.
    largest = below > -math.sqrt(float(jnp.finfo(below.dtype).eps))
    rest = jnp.expm1(-spread)[..., None] + share * jnp.where(largest, below, jnp.zeros((), below.dtype))
    pull = jnp.where(largest, (total - targets) + total * rest, total * share - targets)
    slope = jnp.sum(pull * tangent + _target_shares(below, spread, targets) * towards, axis=-1)
    return (value, spread, peak), (slope, jnp.sum(share * tangent, axis=-1), jnp.zeros_like(peak))


@with_rule(_target_terms_jvp)
def target_terms(logits: Array, targets: Array, where: Array | None = None) -> Terms:
    """As `label_terms`, with ``sum(-targets * log p)`` in the place of the label's own term."""
    below, peak = below_peak(logits, where)
    args = logits, targets, where, _spread(below), peak
    if where is not None:  # selections come first, so that one more is free
        return _surprise(*args), *args[3:]
    return jax.lax.platform_dependent(*args, cpu=_quick_surprise, default=_surprise), *args[3:]


def _surprise(logits: Array, targets: Array, where: Array | None, spread: Array, peak: Array) -> Array:
    """``sum(-targets * log p)``."""
    raised, targets, peak = promote(*(hide(where, array, event_ndim=1) for array in (logits, targets)), peak)
    return jnp.sum(_target_shares(raised - peak[..., None], spread, targets) * targets, axis=-1)


def _quick_surprise(logits: Array, targets: Array, where: None, spread: Array, peak: Array) -> Array:
    """The same: without a selection, which XLA on CPU stores for the sum, where no class is absent."""
    lowest = jnp.min(jax.lax.stop_gradient(logits), axis=-1)
    # Behind a barrier, or the differences would be stored for the sum of exponentials too.
    logits, peak = jax.lax.optimization_barrier((logits, peak))
    all_present = jnp.all(jnp.isfinite(lowest))
    return jax.lax.cond(all_present, _surprise_of_present, _surprise, logits, targets, where, spread, peak)


def _surprise_of_present(logits: Array, targets: Array, _: None, spread: Array, peak: Array) -> Array:
    raised, targets, peak = promote(logits, targets, peak)
    return jnp.sum((spread[..., None] - (raised - peak[..., None])) * targets, axis=-1)


def _target_shares(below: Array, spread: Array, targets: Array) -> Array:
    """``-log p`` of every class, 0 where an absent class, of logit -inf, is not asked for."""
    absent = jnp.isneginf(below) & (targets == 0)
    return spread[..., None] - jnp.where(absent, spread[..., None], below)
