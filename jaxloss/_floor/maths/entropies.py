"""The relative entropy, ``p log(p / q) - p + q``, which does not cancel: of single entries and of rows.

Every term is >= 0 and 0 only at ``p = q``; where ``p`` is 0 it is ``q``. It is ``p`` times the excess of
``exp(log q - log p)``, which near equality is a short series.

A row is one array of terms and its sum. XLA on CPU makes that array in one pass, selections included, and would store
what value and slope share: the rules take their inputs from behind a barrier.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.numerics import near_excess
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, Scalar

__all__ = [
    "entropy_term",
    "relative_entropy",
    "rows_of_log_probs",
    "rows_of_logits",
    "rows_of_probs",
    "shown",
    "used_once",
]


def entropy_term(p: Array, q: Array, ratio: Array) -> Array:
    """The relative entropy for ``ratio = log q - log p``, which is 0 where ``p`` is."""
    near, _, excess = near_excess(ratio)
    return jnp.where(near & (p != 0), p * excess, (q - p) - p * ratio)


def _lack(p: Array, q: Array, ratio: Array) -> Array:
    """``q - p``, the slope in ``log q``, with the digits of ``ratio``."""
    near, small, excess = near_excess(ratio)
    return jnp.where(near & (p != 0), p * (small + excess), q - p)


def _log_ratio(p: Array, log_p: Array, log_q: Array) -> Array:
    """``log q - log p``, and 0 where ``p`` is."""
    return jnp.where(p == 0, jnp.zeros((), p.dtype), log_q - log_p)


def _relative_entropy_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    log_p, log_q = apart_on_cpu(*primals)
    p, q = jnp.exp(log_p), jnp.exp(log_q)
    ratio = _log_ratio(p, log_p, log_q)
    return relative_entropy(*primals), _lack(p, q, ratio) * tangents[1] - p * ratio * tangents[0]


@with_rule(_relative_entropy_jvp)
def relative_entropy(log_p: Array, log_q: Array) -> Array:
    """``p log(p / q) - p + q`` entry by entry, of the logarithms of both."""
    p = jnp.exp(log_p)
    return entropy_term(p, jnp.exp(log_q), _log_ratio(p, log_p, log_q))


def _hidden(where: Array | None, log_q: Array, other: Array, fill: float) -> tuple[Array, Array]:
    """Both in the working dtype, uniform in rows that ``where`` leaves out; ``other`` is filled with ``fill``."""
    uniform = -math.log(log_q.shape[-1])
    log_q, other = promote(hide(where, log_q, event_ndim=1, fill=uniform), hide(where, other, event_ndim=1, fill=fill))
    return log_q, other


def shown(where: Array | None, *arrays: Array) -> tuple[Array, ...]:
    """Arrays of rows in the working dtype, 0 in rows that ``where`` leaves out."""
    return promote(*(hide(where, array, event_ndim=1) for array in arrays))


_ONE_LOOP = 4096
"""From so many rows on, XLA on CPU makes one loop of a sum along rows and of all products that follow from it."""


def used_once(entries: Array, tangent: Array) -> Array:
    """The tangent of ``entries``, which are finite, as a quotient by 1 on a CPU.

    Behind log_softmax the product of slope and tangent is used twice, and XLA on CPU computes it for each of the two.
    It stores a quotient, unless the divisor is that of a row.
    """
    rows = math.prod(entries.shape[:-1])
    if not isinstance(rows, int) or rows >= _ONE_LOOP:  # a symbolic size of `jax.export` is not known
        return tangent
    over = lambda tangent, entries: tangent / (1 + (entries - entries))
    return jax.lax.platform_dependent(tangent, entries, cpu=over, default=lambda tangent, _: tangent)


def _rows_of_probs_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    value = rows_of_probs(*primals)
    (log_q, p), (highest, where) = apart_on_cpu(*primals[:2]), primals[2:]
    log_q, p = _hidden(where, log_q, p, 1 / p.shape[-1])
    towards_q, towards_p = shown(where, *tangents[:2])
    near, small, excess = near_excess(log_q)
    # In the order that is taken, the first two summands are exact for nearly equal rows.
    linear = jnp.where(small > -0.6, (1 - p) + small, (1 + small) - p)
    lack = jnp.where(near, linear + excess, jnp.exp(log_q) - p)
    # Exactly 0 for equal rows, where exp(log p) differs from p by rounding. On a CPU, where a logarithm costs much, and
    # a selection in front of a sum is stored, the value tells which rows are equal and which are lost.
    equal, known = jax.lax.platform_dependent(value, log_q, p, highest, cpu=_told_by_value, default=_told_by_entries)
    lack = (lack - equal * jax.lax.stop_gradient(lack)) * known
    ratio = _log_ratio(p, _guarded_log(p), log_q) * known
    return value, jnp.sum(lack * used_once(p, towards_q) - ratio * used_once(p, towards_p), axis=-1)


def _told_by_value(value: Array, log_q: Array, p: Array, highest: Array) -> tuple[Array, Array]:
    """1 where a row is equal to the other one and else 0; 1 where it is known and else NaN."""
    del log_q, highest
    known = jnp.where(jnp.isnan(value), jnp.nan, jnp.ones((), p.dtype))
    equal, known = (jnp.broadcast_to(row[..., None], p.shape) for row in ((value == 0).astype(p.dtype), known))
    return equal, known


def _told_by_entries(value: Array, log_q: Array, p: Array, highest: Array) -> tuple[Array, Array]:
    """The same of single entries."""
    del value
    known = jnp.where(_legal(log_q, p, highest), jnp.ones((), p.dtype), jnp.nan)
    return (log_q == _guarded_log(p)).astype(p.dtype), known


def _legal(log_q: Array, p: Array, highest: Scalar) -> Array:
    return (log_q <= highest) & (p >= 0) & (p <= 1 + highest)


def _guarded_log(p: Array) -> Array:
    return jnp.log(jnp.where(p == 0, jnp.ones((), p.dtype), p))


@with_rule(_rows_of_probs_jvp)
def rows_of_probs(log_q: Array, p: Array, highest: Scalar, where: Array | None = None) -> Array:
    """The relative entropy of rows, from the logarithm of one and the numbers of the other.

    Args:
        log_q: Shape ``[..., K]``; NaN for a row with an entry above ``highest``.
        p: Shape ``[..., K]``; NaN for a row with an entry below 0 or above ``1 + highest``. The slope at 0 is 0.
        highest: A constant.
        where: Rows that it leaves out are uniform, and have no derivative.
    """
    log_q, p = _hidden(where, log_q, p, 1 / p.shape[-1])
    terms = entropy_term(p, jnp.exp(log_q), _log_ratio(p, _guarded_log(p), log_q))
    return jnp.sum(jnp.where(_legal(log_q, p, highest), terms, jnp.nan), axis=-1)


def _rows_of_log_probs_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    value, (log_q, log_p), where = rows_of_log_probs(*primals), apart_on_cpu(*primals[:2]), primals[3]
    log_q, log_p = _hidden(where, log_q, log_p, -math.log(log_p.shape[-1]))
    p, q = jnp.exp(log_p), jnp.exp(log_q)
    ratio = _log_ratio(p, log_p, log_q)
    towards_q, towards_p = (used_once(p, tangent) for tangent in shown(where, *tangents[:2]))
    return value, jnp.sum(_lack(p, q, ratio) * towards_q - p * ratio * towards_p, axis=-1)


@with_rule(_rows_of_log_probs_jvp)
def rows_of_log_probs(log_q: Array, log_p: Array, highest: Scalar, where: Array | None = None) -> Array:
    """The same from the logarithms of both, none of them above ``highest``."""
    log_q, log_p = _hidden(where, log_q, log_p, -math.log(log_p.shape[-1]))
    p = jnp.exp(log_p)
    terms = entropy_term(p, jnp.exp(log_q), _log_ratio(p, log_p, log_q))
    return jnp.sum(jnp.where((log_q <= highest) & (log_p <= highest), terms, jnp.nan), axis=-1)


def _log_sums(logits: Array, where: Array | None) -> tuple[Array, Array]:
    """The largest logit of each row, and the logarithm of the sum of exponentials below it."""
    # Hidden after the maximum: XLA on CPU would store what a selection hands to it.
    peak = hide(where, jnp.max(jax.lax.stop_gradient(logits), axis=-1))
    if logits.dtype.itemsize == 2:
        # Without the barrier XLA shares one float32 copy of the logits between the maximum and the sum.
        logits, peak = jax.lax.optimization_barrier((logits, peak))
    logits, peak = promote(hide(where, logits, event_ndim=1), peak)
    return peak, jnp.log(jnp.sum(jnp.exp(logits - peak[..., None]), axis=-1))


def _parts_of_logits(pair: tuple[Array, Array], where: Array | None, *rows: Array) -> tuple[Array, Array, Array]:
    """The probabilities of targets and logits, and their log-ratio, with what `_log_sums` says of both."""
    # Apart, or the differences would be stored for the sums of exponentials too.
    logits, targets = shown(where, *apart_on_cpu(*pair))
    peak, spread, other_peak, other_spread = (row[..., None] for row in apart_on_cpu(*rows))
    log_q, log_p = logits - peak - spread, targets - other_peak - other_spread
    p = jnp.exp(log_p)
    return p, jnp.exp(log_q), _log_ratio(p, log_p, log_q)


def _rows_of_logits_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    logits, targets, where = primals
    value, rows = rows_of_logits(*primals), apart_on_cpu(*_log_sums(logits, where), *_log_sums(targets, where))
    p, q, ratio = _parts_of_logits((logits, targets), where, *rows)
    towards_q, towards_p = shown(where, *tangents[:2])
    return value, jnp.sum(_lack(p, q, ratio) * towards_q - p * (ratio + value[..., None]) * towards_p, axis=-1)


@with_rule(_rows_of_logits_jvp)
def rows_of_logits(logits: Array, targets: Array, where: Array | None = None) -> Array:
    """The same of the softmax of rows, ``log_q`` being that of ``logits``."""
    rows = *_log_sums(logits, where), *_log_sums(targets, where)
    return jnp.sum(entropy_term(*_parts_of_logits((logits, targets), where, *rows)), axis=-1)
