"""The overlap of a predicted and a target set of pixels, as three numbers from which the indices are made.

A probability is a partial member of the set. The intersection of two memberships p and y is their minimum, not
their product: ``min(p, y) + max(p - y, 0) = p``. With targets of 0 and 1 there is no difference; with soft targets
the losses built on it are smallest, and 0, at ``p = y``, where those built on products prefer harder predictions.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide, positive_part
from jaxloss._floor.maths.sigmoids import in_unit_interval, sigmoid_sides
from jaxloss._floor.spread import mean_over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar
from jaxloss.vision.segmentation._pixels import label_pool, mask_pool, pixel_mean

__all__ = ["Overlap", "label_overlap", "logit_overlap", "miss", "prob_overlap"]


class Overlap(NamedTuple):
    """Shares of the pixels, per pool, and per class where there are classes."""

    both: Array
    """Predicted and in the target."""
    extra: Array
    """Predicted only: false positives."""
    missed: Array
    """In the target only: false negatives."""


def _of_memberships(axis_name: AxisName | None, both: Array, error: Array, mass: Array | None) -> Overlap:
    parts = both, positive_part(error), positive_part(-error)
    return Overlap(*(mean_over(axis_name, part, mass) for part in parts))


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
    probs = in_unit_interval(probs)
    return _of_memberships(axis_name, jnp.minimum(probs, targets), probs - targets, mass), present


def logit_overlap(
    logits: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Overlap, Array | None]:
    """The overlap of sigmoids with masks, and the pools present."""
    logits, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, logits=logits, targets=targets)
    probs, rests = sigmoid_sides(logits)
    both, error = jnp.minimum(probs, targets), (1 - targets) * probs - targets * rests
    return _of_memberships(axis_name, both, error, mass), present


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


def miss(overlap: Overlap, alpha: Scalar, beta: Scalar, smoothing: Scalar) -> Array:
    """One minus the Tversky index; 0 with zero gradient where nothing is predicted of nothing."""
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    wrong = alpha * overlap.extra + beta * overlap.missed
    return divide(wrong, overlap.both + wrong + smoothing)
