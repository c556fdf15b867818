"""The core of the softmax cross-entropies: per-row terms and their derivatives.

It keeps two numbers per row, the largest logit and the logarithm of the sum of exponentials relative to
it; probabilities exist only inside fused loops. The label's own share is computed apart with ``log1p`` and
``expm1``, so that a nearly certain, correct prediction keeps its relative accuracy. 16-bit logits are raised
inside the loops, after the maximum, and never stored as float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows
from jaxloss._floor.maths.numerics import difference, poison
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.softmax.labels import Labels, at_label, sum_without_label
from jaxloss._floor.reduction import hide, promote, times_weights
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "Terms",
    "below_largest",
    "below_peak",
    "is_zero",
    "label_terms",
    "mask_of_rows",
    "optional_class_vector",
    "smoothed_terms",
    "times_class_weights",
]

Terms = tuple[Array, Array, Array]
SmoothedTerms = tuple[Array, Array, Array, Array]


def is_zero(number: Scalar) -> bool:
    """Whether a hyperparameter is 0 for certain, so that its term can be left out of the program."""
    return isinstance(number, float) and number == 0


def optional_class_vector(num_classes: int, dtype: Any, **array: ArrayLike | None) -> Array | None:
    """One number per class, shape ``[classes]``, in the working dtype; None stays None."""
    (value,) = array.values()
    return None if value is None else checks.class_vector(num_classes, dtype, **array)[0]


def times_class_weights(
    where: ArrayLike | None, weights: ArrayLike | None, own: Array | None, reduction: Reduction
) -> ArrayLike | None:
    """The weights of the examples times ``own``, the weights of their classes; None counts every example once."""
    if weights is None or own is None:
        return own if weights is None else weights
    return times_weights(own, where, weights, reduction)


def mask_of_rows(where: ArrayLike | None, logits: Array) -> Array | None:
    """``where`` as an array, for the functions here that hide rows inside their loops."""
    return None if where is None else checks.mask(where, logits.shape[:-1])


def below_peak(logits: Array, where: Array | None = None) -> tuple[Array, Array]:
    """``(logits - m, m)`` in the working dtype, with m the largest logit of each row, or 0 if it is -inf.

    Rows that ``where`` leaves out are 0. A caller that hid them first would have the compiler store what it hid.

    m is a constant of differentiation: the log-normaliser's derivative is carried by its other summand. Scale logits,
    by a temperature for example, after this: a compiler that fuses a product with the shift leaves the rounding of the
    largest logit in the exponent, which overflows for logits of 1e10.
    """
    # Hidden after the maximum: XLA on CPU would store what a selection hands to it.
    peak = hide(where, jnp.max(jax.lax.stop_gradient(logits), axis=-1))
    if logits.dtype.itemsize == 2:
        # Without the barrier XLA shares one float32 copy of the logits between the maximum and the sum.
        logits, peak = jax.lax.optimization_barrier((logits, peak))
    logits, peak = promote(hide(where, logits, event_ndim=1), peak)
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)
    return logits - peak[..., None], peak


def below_largest(logits: Array) -> tuple[Array, Array]:
    """The logits minus the largest of each row, and the place of the largest; NaN if that is not finite.

    The entry at this place is written as 0. As a function of differences of logits has a gradient that sums to 0, the
    gradient of the largest is minus that of the others: no probability near 1 is subtracted from 1 in it.
    """
    index = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    top = jnp.max(jax.lax.stop_gradient(logits), axis=-1, keepdims=True)
    # Two plain reductions are faster than an argmax. A product in front may be rounded in one and not in the other, and
    # any logit within rounding of the largest serves.
    near = logits >= top - 4 * float(jnp.finfo(logits.dtype).eps) * jnp.abs(top)
    place = jnp.min(jnp.where(near, index, logits.shape[-1] - 1), axis=-1, keepdims=True)
    peak = jnp.take_along_axis(logits, place, axis=-1, mode="promise_in_bounds")
    largest = index == place
    below = jnp.where(largest, jnp.zeros((), logits.dtype), logits - peak)
    return poison(below, jnp.isfinite(top)), largest


def _gap_of_label(logits: Array, labels: Array, where: Array | None, peak: Array) -> Array:
    """The label's logit minus the largest."""
    return hide(where, difference(at_label(logits, labels).astype(peak.dtype), peak))


def _label_terms_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Terms, Terms]:
    terms, slope = _terms_and_slope(*primals)
    (tangent,) = promote(hide(primals[2], tangents[0], event_ndim=1))
    nll, _, peak = terms
    return terms, (slope(jnp.expm1(-nll), tangent), slope(jnp.exp(-nll), tangent), jnp.zeros_like(peak))


@with_rule(_label_terms_jvp)
def label_terms(logits: Array, labels: Array, where: Array | None = None) -> Terms:
    """``(-log p of the label, log sum exp(logits - m), m)`` per row; m has no derivative, the others count it in.

    Rows that ``where`` leaves out have finite terms, and no derivative.
    """
    below, peak = below_peak(logits)
    gap = _gap_of_label(logits, labels, where, peak)
    rest = sum_without_label(below, labels, logits, peak)
    # Rows are hidden by their results: XLA on CPU would store what a selection hands to a sum.
    spread = jnp.log1p(hide(where, rest + jnp.expm1(gap)))
    return spread - gap, spread, hide(where, peak)


def _terms_and_slope(
    logits: Array, labels: Array, where: Array | None
) -> tuple[Terms, Callable[[Array, Array], Array]]:
    """`label_terms`, and the slope along a tangent of what has the slope ``own`` at the label.

    At the other classes it is their probability.
    """
    many = isinstance(logits.shape[-1], int) and logits.shape[-1] >= 64
    known = Labels(labels, apart=many and logits.dtype.itemsize > 2)
    below, peak = below_peak(logits, where)
    gap = _gap_of_label(logits, labels, where, peak)
    # XLA on CPU stores the exponentials for their sum and for the slope.
    others = known.without(jnp.exp(below))
    spread = jnp.log1p(jnp.sum(others, axis=-1) + jnp.expm1(gap))
    # One exponential per entry and one per row: on CPU a fifth faster than one of a difference.
    share = others * jnp.exp(-spread)[..., None]
    return (spread - gap, spread, peak), lambda own, tangent: known.along(share, own, tangent)


def _sums_of_present(logits: Array, scale: Array, where: Array | None) -> Terms:
    """``(sum c (z - m), sum c, how many)`` over the present classes, those of a logit above -inf.

    Where none is absent, which the sum itself tells, nothing is compared: on CPU a comparison of all logits costs more
    than their cross-entropy. The maximum stands behind a barrier, or the difference would be stored for the sum of
    exponentials too.
    """
    # Rows are hidden by their results: XLA on CPU would store what a selection hands to a sum.
    peak = hide(where, jnp.max(jax.lax.stop_gradient(logits), axis=-1))
    logits, peak = jax.lax.optimization_barrier((logits, peak))
    classes = logits.shape[-1]

    def below_it(logits: Array, peak: Array) -> Array:
        raised, top = promote(logits, peak)
        return raised - jnp.where(jnp.isneginf(top), jnp.zeros((), top.dtype), top)[..., None]

    def all_present(logits: Array) -> Terms:
        del logits
        zero = 0 * total  # inside `jax.shard_map` it varies as the other branch does
        return total, jnp.sum(scale) + zero, classes + zero

    def of_rows(logits: Array, peak: Array) -> Terms:
        below = below_it(logits, peak)
        absent = jnp.isneginf(below)
        present = jnp.logical_not(absent).astype(below.dtype)
        # As products of matrices they store one array after the other.
        scaled = lambda x: jnp.einsum("...k,k->...", x, scale, precision=jax.lax.Precision.HIGHEST)
        total = scaled(jnp.where(absent, jnp.zeros((), below.dtype), below))
        return total, scaled(present), jnp.sum(present, axis=-1)

    def of_few_rows(logits: Array, peak: Array) -> Terms:
        # What is stored for a few rows stays in the cache.
        few = max(1, 2**18 // classes) if isinstance(classes, int) else 1
        rows = jnp.reshape(logits, (-1, classes)), jnp.ravel(peak)
        found = by_rows(lambda some, _: of_rows(*some), few, rows, 0)
        return jax.tree.map(lambda x: jnp.reshape(x, peak.shape), found)

    def some_absent(logits: Array) -> Terms:
        total, mass, count = jax.lax.platform_dependent(logits, peak, cpu=of_few_rows, default=of_rows)
        return hide(where, total), hide(where, mass), hide(where, count, fill=1)

    total = hide(where, jnp.sum(below_it(logits, peak) * jnp.broadcast_to(scale, logits.shape), axis=-1))
    return jax.lax.cond(jnp.all(jnp.isfinite(total)), all_present, some_absent, logits)


def _smoothed_terms_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[SmoothedTerms, SmoothedTerms]:
    logits, labels, scale, where = primals
    (nll, spread, peak), slope = _terms_and_slope(logits, labels, where)
    total, mass, count = _sums_of_present(logits, scale, where)
    scale = jax.lax.optimization_barrier(scale)  # or XLA on CPU stores it for every row, for the sum and the slope
    tangent, towards = promote(hide(where, tangents[0], event_ndim=1), tangents[2])
    below, _ = below_peak(logits, where)
    absent, zero = jnp.isneginf(below), jnp.zeros((), below.dtype)
    each = jnp.where(absent, zero, jnp.broadcast_to(scale, below.shape))
    surprise = jnp.where(absent, zero, spread[..., None] - below) / count[..., None]
    spreads = slope(jnp.exp(-nll), tangent)
    lean = jnp.sum(surprise * jnp.broadcast_to(towards, below.shape) - each / count[..., None] * tangent, axis=-1)
    slopes = slope(jnp.expm1(-nll), tangent), mass / count * spreads + lean, spreads, jnp.zeros_like(peak)
    return (nll, (mass * spread - total) / count, spread, peak), slopes


@with_rule(_smoothed_terms_jvp)
def smoothed_terms(logits: Array, labels: Array, scale: Array, where: Array | None = None) -> SmoothedTerms:
    """As `label_terms`, with ``sum(c_k * -log p_k) / K`` over the present classes in the second place.

    ``scale`` ``[classes]`` are the numbers c. One function for both, so that a gradient in 16 bits is rounded once.
    """
    nll, spread, peak = label_terms(logits, labels, where)
    total, mass, count = _sums_of_present(logits, scale, where)
    return nll, (mass * spread - total) / count, spread, peak
