"""The overlap of a predicted and a target set of pixels, as three numbers from which the indices are made.

A probability is a partial member of the set. The intersection of two memberships p and y is their minimum, not
their product: ``min(p, y) + max(p - y, 0) = p``. With targets of 0 and 1 there is no difference; with soft targets
the losses built on it are smallest, and 0, at ``p = y``, where those built on products prefer harder predictions.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax.core import max_dim

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.memberships import (
    all_in_unit_interval,
    apart_by_probs,
    parts_by_logits,
    parts_by_probs,
    sums_by_logits,
)
from jaxloss._floor.maths.numerics import divide, poison
from jaxloss._floor.reduction import divide_sums, hide
from jaxloss._floor.spread import anywhere, mean_over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar
from jaxloss.vision.segmentation._pixels import label_pool, mask_pool, pixel_mean

__all__ = [
    "Agreement",
    "Overlap",
    "disagree",
    "label_overlap",
    "logit_agreement",
    "logit_overlap",
    "miss",
    "prob_agreement",
    "prob_overlap",
]


class Agreement(NamedTuple):
    """Shares of the pixels for an index to which predicted too much and too little are the same, per pool."""

    both: Array
    """Predicted and in the target."""
    wrong: Array
    """In one of the two only."""


class Overlap(NamedTuple):
    """Shares of the pixels, per pool, and per class where there are classes."""

    both: Array
    """Predicted and in the target."""
    extra: Array
    """Predicted only: false positives."""
    missed: Array
    """In the target only: false negatives."""


def prob_agreement(
    probs: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Agreement, Array | None]:
    """The agreement of probabilities with masks, and the pools present."""
    probs, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, probs=probs, targets=targets)
    value_checks.ensure_probabilities(probs=probs)
    # A pixel out of the domain spoils its pool, on every device: one NaN per pool instead of a selection per pixel.
    legal = ~anywhere(axis_name, ~all_in_unit_interval(probs, targets))
    both, wrong = (_mean_of_shares(axis_name, part, mass) for part in apart_by_probs(probs, targets))
    return Agreement(poison(both, legal), wrong), present


def logit_agreement(
    logits: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Agreement, Array | None]:
    """The agreement of sigmoids with masks, and the pools present."""
    logits, targets, mass, present = _logit_pool(pixel_ndim, axis_name, where, weights, logits, targets)
    if axis_name or (mass is not None and mass.dtype != jnp.bool_):
        both, extra, missed = (mean_over(axis_name, part, mass) for part in parts_by_logits(logits, targets))
        return Agreement(both, extra + missed), present
    both, wrong = (_over_count(total, targets, mass) for total in sums_by_logits(logits, targets))
    return Agreement(both, wrong), present


def _logit_pool(
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    logits: ArrayLike,
    targets: ArrayLike,
) -> tuple[Array, Array, Array | None, Array | None]:
    logits, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, logits=logits, targets=targets)
    if mass is not None and mass.dtype == jnp.bool_:
        logits = hide(mass, logits, fill=-jnp.inf)  # nothing is predicted of nothing, so that nothing is left to mask
    return logits, targets, mass, present


def _mean_of_shares(axis_name: AxisName | None, shares: Array, mass: Array | None) -> Array:
    """`mean_over` of numbers in [0, 1] that are 0 where masked: their sum needs neither a scale nor a selection."""
    if axis_name or (mass is not None and mass.dtype != jnp.bool_):
        return mean_over(axis_name, shares, mass)
    return _over_count(jnp.sum(shares, axis=-1), shares, mass)


def _over_count(total: Array, shares: Array, mass: Array | None) -> Array:
    """``total`` over the number of ``shares``, or of those that a boolean ``mass`` keeps."""
    if mass is None:
        return total / max_dim(shares.shape[-1], 1)
    return divide_sums(total, jnp.sum(mass, axis=-1, dtype=jnp.int32).astype(total.dtype))


def _of_parts(axis_name: AxisName | None, parts: tuple[Array, ...], mass: Array | None) -> Overlap:
    return Overlap(*(_mean_of_shares(axis_name, part, mass) for part in parts))


def prob_overlap(
    probs: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Overlap, Array | None]:
    """The overlap of probabilities with masks, and the pools present."""
    probs, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, probs=probs, targets=targets)
    value_checks.ensure_probabilities(probs=probs)
    return _of_parts(axis_name, parts_by_probs(probs, targets), mass), present


def logit_overlap(
    logits: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Overlap, Array | None]:
    """The overlap of sigmoids with masks, and the pools present."""
    logits, targets, mass, present = _logit_pool(pixel_ndim, axis_name, where, weights, logits, targets)
    return _of_parts(axis_name, parts_by_logits(logits, targets), mass), present


def label_overlap(
    logits: ArrayLike,
    labels: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Overlap, Array | None]:
    """The overlap ``[..., K]`` of softmax probabilities with the pixels of each class, and the pools present."""
    probs, is_label, misses, mass, present = label_pool(pixel_ndim, axis_name, where, weights, logits, labels)
    zero = jnp.zeros((), probs.dtype)
    both = jnp.where(is_label, 1 - misses[..., None], zero)
    extra = jnp.where(is_label, zero, probs)
    missed = jnp.where(is_label, misses[..., None], zero)
    return Overlap(*(pixel_mean(axis_name, part, mass) for part in (both, extra, missed))), present


def disagree(agreement: Agreement, price: Scalar, smoothing: Scalar) -> Array:
    """`miss` at the same price for too much and too little."""
    smoothing = checks.scalar("smoothing", smoothing, agreement.both.dtype, at_least=0)
    wrong = price * agreement.wrong
    return divide(wrong, agreement.both + wrong + smoothing)


def miss(overlap: Overlap, alpha: Scalar, beta: Scalar, smoothing: Scalar) -> Array:
    """One minus the Tversky index; 0 with zero gradient where nothing is predicted of nothing."""
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    wrong = alpha * overlap.extra + beta * overlap.missed
    return divide(wrong, overlap.both + wrong + smoothing)
