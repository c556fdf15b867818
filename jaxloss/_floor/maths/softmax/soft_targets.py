"""The softmax cross-entropy with a distribution as the target: per-row terms and their derivatives."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.entropies import shown
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.softmax.terms import Terms, below_peak
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array

__all__ = ["target_terms"]


def _spread(below: Array) -> Array:
    """``log sum exp(below)``, to full relative accuracy also where the largest class is almost alone."""
    total = jnp.sum(jnp.exp(below), axis=-1)
    return _log_of_total(total, _others(below, total))


def _others(below: Array, total: Array) -> Array:
    """``total - 1``, the sum without the largest class: where that is almost alone, the others are summed.

    These are then below 1/2, and the smaller of ``e`` and ``1 - e`` is summed: exact, and 0 of the largest.
    """
    sizes = jnp.exp(jax.lax.stop_gradient(below))
    others = jnp.sum(jnp.minimum(sizes, 1 - sizes), axis=-1)
    return jnp.where(jnp.abs(total - 1) < 0.5, others, total - 1)


def _log_of_total(total: Array, others: Array) -> Array:
    """``log(1 + others)``, with the derivative of ``log(total)``."""
    constant = jax.lax.stop_gradient
    return jnp.log1p(constant(others) + (total - constant(total)))


def _target_terms_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Terms, Terms]:
    logits, targets, where = primals
    value, spread, peak = target_terms(logits, targets, where)
    total = hide(where, _asked(targets, logits))
    # With a selection, or XLA on CPU stores the total of a row once for each of its entries.
    selected = lambda total: jnp.where(jnp.isnan(total), jnp.nan, total)
    total = jax.lax.platform_dependent(total, cpu=selected, default=jax.lax.optimization_barrier)[..., None]
    logits, targets = apart_on_cpu(logits, targets)
    below, _ = below_peak(logits, where)
    tangent, towards, targets = shown(where, *tangents[:2], targets)
    # One exponential per entry and one per row: on CPU a fifth faster than one of a difference.
    sizes, scale = jnp.exp(below), jnp.exp(-spread)[..., None]
    share = sizes * scale
    # 1 - share, to full relative accuracy: next to 1 is the share of the largest alone, whose size is exactly 1.
    rest = scale * (1 - sizes) - jnp.expm1(-spread)[..., None]
    pull = share * (total - targets) - targets * rest
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
    """The same by plain sums over all rows, if these are finite for all that count.

    XLA on CPU stores an array for a selection in front of a sum. The sums are not finite where a class is absent.
    """
    peak, asked = jnp.max(jax.lax.stop_gradient(logits), axis=-1), _asked(targets, logits)
    # Behind barriers, one for each sum, or the differences would be stored.
    first, peak = jax.lax.optimization_barrier((logits, peak))
    again, other_peak, asked = jax.lax.optimization_barrier((first, peak, asked))
    spread = _quick_spread(first, peak, where)
    raised, shares, top = promote(again, targets, other_peak)
    # Neither summand is negative: nothing cancels.
    value = asked * spread + jnp.sum((top[..., None] - raised) * shares, axis=-1)
    terms = value, spread, top = tuple(hide(where, x) for x in (value, spread, top))
    # The value is not finite where the spread is not. 0 times a finite number is 0 exactly, and NaN otherwise.
    return jax.lax.cond(jnp.sum(0 * value) == 0, lambda *_: terms, _terms, logits, targets, where)


def _asked(targets: Array, logits: Array) -> Array:
    """The sum of the targets of each row."""
    return jnp.sum(promote(targets, logits[..., :0])[0], axis=-1)


def _quick_spread(logits: Array, peak: Array, where: Array | None) -> Array:
    """`_spread`, which looks for the largest class only in a batch where one of them is almost alone."""

    def below(logits: Array) -> Array:
        raised, top = promote(logits, peak)
        return raised - top[..., None]

    total = jnp.sum(jnp.exp(below(logits)), axis=-1)
    alone = jnp.min(hide(where, total, fill=2), initial=2) < 1.5
    # Raised inside of the branch, or 16-bit logits would be stored for it.
    look = lambda logits, total: _others(below(logits), total)
    return _log_of_total(total, jax.lax.cond(alone, look, lambda _, total: total - 1, logits, total))


def _target_shares(below: Array, spread: Array, targets: Array) -> Array:
    """``-log p`` of every class, 0 where an absent class, of logit -inf, is not asked for."""
    absent = jnp.isneginf(below) & (targets == 0)
    return spread[..., None] - jnp.where(absent, spread[..., None], below)
