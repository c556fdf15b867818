"""Pools of pixels: probabilities of masks and classes, means over pixels and classes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.core import max_dim

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import blank, divide_sums, hide, plain_mean, weighted_mean
from jaxloss._floor.spread import mean_over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName
from jaxloss.vision._pools import Mass, check_pixel_ndim, flat, flat_mask, pixel_mass

__all__ = ["class_mean", "label_pool", "mask_pool", "over_count", "pixel_mean", "pooled"]


def mask_pool(
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    **arrays: ArrayLike,
) -> tuple[Array, Array, Mass, Array | None]:
    """Predictions and targets of binary masks, blanked and flat ``[..., N]``, their mass and the pools present.

    Whether the targets are in [0, 1] is asked under `checked` only.
    """
    first, targets = checks.values(**{**arrays, "targets": checks.marks(arrays["targets"])})
    check_pixel_ndim(pixel_ndim, first.shape, next(iter(arrays)))
    shape, where = first.shape, flat_mask(where, first.shape, pixel_ndim)
    first, targets = blank(where, flat(first, pixel_ndim), flat(targets, pixel_ndim))
    require_whole(axis_name, first.shape, first, targets)
    value_checks.ensure_probabilities(targets=targets)
    return first, targets, *pixel_mass(axis_name, where, weights, shape, pixel_ndim, first)


def label_pool(
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    logits: ArrayLike,
    labels: ArrayLike,
) -> tuple[Array, Array, Array, Mass, Array | None]:
    """Softmax probabilities ``[..., N, K]``, one-hot labels, misses ``[..., N]``, the mass and the pools present.

    A miss is the probability of all classes but the label's, added up without 1; all are NaN if there is no such
    label.
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    check_pixel_ndim(pixel_ndim, labels.shape, "labels")
    shape, where = labels.shape, flat_mask(where, labels.shape, pixel_ndim)
    labels = hide(where, flat(labels, pixel_ndim))
    (logits,) = blank(where, flat(logits, pixel_ndim, 1), event_ndim=1)
    require_whole(axis_name, labels.shape, logits, labels)
    num_classes = logits.shape[-1]
    value_checks.ensure_labels(labels, num_classes)
    is_label = labels[..., None] == jax.lax.broadcasted_iota(jnp.int32, logits.shape, labels.ndim)
    legal = (labels >= 0) & (labels < num_classes)
    probs = _softmax(logits, legal)
    misses = jnp.sum(jnp.where(is_label, jnp.zeros((), probs.dtype), probs), axis=-1)
    return probs, is_label, misses, *pixel_mass(axis_name, where, weights, shape, pixel_ndim, misses)


def _softmax(logits: Array, legal: Array) -> Array:
    """The softmax, NaN in value and gradient where the label is not legal."""
    axes = tuple(dict.fromkeys((*varying_axes(logits), *varying_axes(legal))))
    poisoned = lambda logits, legal: numerics.poison(jax.nn.softmax(logits, axis=-1), legal[..., None])
    operands = vary_over((logits, legal), axes)
    return jax.lax.platform_dependent(*operands, cpu=_softmax_by_normaliser, default=poisoned)


def _softmax_by_normaliser(logits: Array, legal: Array) -> Array:
    """With one factor for each row: XLA on CPU would store others for every entry of the row."""
    powers = jnp.exp(logits - jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True)))
    shrink = jnp.where(legal, 1 / jnp.sum(powers, axis=-1), jnp.nan)
    return powers * shrink[..., None]


def pooled(
    values: Array,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Array, Array | None]:
    """The means over the pixels of losses ``[..., *pixels]``, 0 where masked, and which pools have any."""
    entries, where = flat(values, pixel_ndim), flat_mask(where, values.shape, pixel_ndim)
    mass, present = pixel_mass(axis_name, where, weights, values.shape, pixel_ndim, entries)
    return mean_over(axis_name, entries, mass), present


def pixel_mean(axis_name: AxisName | None, shares: Array, mass: Mass, axis: int = -1) -> Array:
    """The weighted mean over the pixels of numbers near 1; without weights they are summed as they are."""
    if axis_name or (mass is not None and mass.dtype != jnp.bool_):
        return mean_over(axis_name, shares, mass, axis)
    # Hidden though 0 already: XLA on CPU has one loop for a selection and what is in front of it, blanks included.
    return over_count(jnp.sum(hide(mass, shares), axis), shares.shape[axis], mass, axis)


def over_count(total: Array, size: int, mass: Mass, axis: int = -1) -> Array:
    """``total`` over ``size``, or over the number that a boolean ``mass`` keeps."""
    if mass is None:
        return total / max_dim(size, 1)
    return divide_sums(total, jnp.sum(mass, axis, dtype=jnp.int32).astype(total.dtype))


def class_mean(values: Array, class_weights: ArrayLike | None) -> Array:
    """The weighted mean over the classes, the last axis."""
    if class_weights is None:
        return plain_mean(values, -1)
    (scale,) = checks.class_vector(values.shape[-1], values.dtype, class_weights=class_weights)
    return weighted_mean(values, jnp.broadcast_to(scale, values.shape), -1)
