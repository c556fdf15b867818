"""The overlap of a predicted and a target set of pixels, as three numbers from which the indices are made.

A probability is a partial member of the set. The intersection of two memberships p and y is their minimum, not
their product: ``min(p, y) + max(p - y, 0) = p``. With targets of 0 and 1 there is no difference; with soft targets
the losses built on it are smallest, and 0, at ``p = y``, where those built on products prefer harder predictions.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.maths.rows.memberships import shares_by_logits, shares_by_probs, sums_by_logits, sums_by_probs
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import hide
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar
from jaxloss.vision.segmentation._pixels import label_pool, mask_pool, over_count, pixel_mean

__all__ = ["Agreement", "Overlap", "disagree", "label_overlap", "logit_agreement", "miss", "prices", "prob_agreement"]


class Agreement(NamedTuple):
    """Shares of the pixels, per pool."""

    both: Array
    """Predicted and in the target."""
    wrong: Array
    """In one of the two only, at the price of predicted too much or too little."""


class Overlap(NamedTuple):
    """Shares of the pixels, per pool and class."""

    both: Array
    """Predicted and in the target."""
    extra: Array
    """Predicted only: false positives."""
    missed: Array
    """In the target only: false negatives."""


def prices(alpha: Scalar, beta: Scalar, dtype: jnp.dtype) -> tuple[Scalar, Scalar]:
    """What false positives and false negatives cost."""
    return checks.scalar("alpha", alpha, dtype, at_least=0), checks.scalar("beta", beta, dtype, at_least=0)


def prob_agreement(
    probs: ArrayLike,
    targets: ArrayLike,
    alpha: Scalar,
    beta: Scalar,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Agreement, Array | None]:
    """The agreement of probabilities with masks, and the pools present."""
    probs, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, probs=probs, targets=targets)
    value_checks.ensure_probabilities(probs=probs)
    alpha, beta = prices(alpha, beta, probs.dtype)
    if mass is None and not axis_name and isinstance(alpha, float) and isinstance(beta, float) and alpha == beta:
        both, wrong = (over_count(total, targets.shape[-1], mass) for total in sums_by_probs(probs, targets))
        return Agreement(both, alpha * wrong), present
    each = (jnp.asarray(price, probs.dtype) for price in (alpha, beta))
    shares = shares_by_probs(probs, targets, *each)
    return Agreement(*(pixel_mean(axis_name, share, mass) for share in shares)), present


def logit_agreement(
    logits: ArrayLike,
    targets: ArrayLike,
    alpha: Scalar,
    beta: Scalar,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Agreement, Array | None]:
    """The agreement of sigmoids with masks, and the pools present."""
    logits, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, logits=logits, targets=targets)
    counted = mass is None or mass.dtype == jnp.bool_
    if mass is not None and counted:
        logits = hide(mass, logits, fill=-jnp.inf)  # nothing is predicted of nothing, so that nothing is left to mask
    alpha, beta = prices(alpha, beta, logits.dtype)
    if counted and not axis_name and _near(alpha, beta):
        both, wrong, more = (over_count(total, targets.shape[-1], mass) for total in sums_by_logits(logits, targets))
        wrong = alpha * wrong if alpha == beta else 0.5 * (alpha + beta) * wrong + 0.5 * (alpha - beta) * more
        return Agreement(both, wrong), present
    each = (jnp.asarray(price, logits.dtype) for price in (alpha, beta))
    shares = shares_by_logits(logits, targets, *each)
    return Agreement(*(pixel_mean(axis_name, share, mass) for share in shares)), present


def _near(alpha: Scalar, beta: Scalar) -> bool:
    """Whether the prices are such that sums rounded relative to all that is predicted and in the target will do."""
    if not (isinstance(alpha, float) and isinstance(beta, float)):
        return False
    low, high = sorted((alpha, beta))
    return 0.25 <= low <= high <= 4 * low


def _at_labels_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[tuple[Array, Array], ...]:
    # One array for two slopes.
    dots = jnp.where(primals[1], tangents[0][..., None], jnp.zeros((), tangents[0].dtype))
    return _at_labels(*primals), (-dots, dots)


@with_rule(_at_labels_jvp)
def _at_labels(misses: Array, is_label: Array) -> tuple[Array, Array]:
    """What is predicted of each label and what is missed, 0 for other classes."""
    zero, misses = jnp.zeros((), misses.dtype), misses[..., None]
    return jnp.where(is_label, 1 - misses, zero), jnp.where(is_label, misses, zero)


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
    both, missed = _at_labels(misses, is_label)
    extra = jnp.where(is_label, jnp.zeros((), probs.dtype), probs)
    mass = None if mass is None else mass[..., None]
    return Overlap(*(pixel_mean(axis_name, part, mass, -2) for part in (both, extra, missed))), present


def disagree(agreement: Agreement, smoothing: Scalar) -> Array:
    """`miss` of an agreement."""
    smoothing = checks.scalar("smoothing", smoothing, agreement.both.dtype, at_least=0)
    return divide(agreement.wrong, agreement.both + agreement.wrong + smoothing)


def miss(overlap: Overlap, alpha: Scalar, beta: Scalar, smoothing: Scalar) -> Array:
    """One minus the Tversky index; 0 with zero gradient where nothing is predicted of nothing."""
    return disagree(Agreement(overlap.both, alpha * overlap.extra + beta * overlap.missed), smoothing)
