"""Lovász losses: the Jaccard (IoU) loss of hard predictions, extended to a continuous function of pixel errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide, poison, positive_part
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import reduce, weighted_mean
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.vision.segmentation._pixels import label_pool, mask_pool

__all__ = ["lovasz_hinge_loss", "lovasz_softmax_loss"]


def lovasz_hinge_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Lovász hinge loss: convex surrogate of the Jaccard (IoU) loss of one mask, from the hinge losses of its pixels.

    With the hinge losses :math:`m_i = \max(0, 1 - z_i (2 y_i - 1))` in decreasing order, and
    :math:`J_i` the Jaccard loss of a prediction that is wrong at the first i of them:

    .. math:: \ell = \sum_i m_i (J_i - J_{i - 1}), \qquad
              J_i = 1 - \frac{|y| - |\{j \le i: y_j = 1\}|}{|y| + |\{j \le i: y_j = 0\}|}

    With an empty target it is the largest hinge loss.

    Args:
        logits: Shape ``[..., *pixels]``, floating; their sign is the prediction.
        targets: Shape ``[..., *pixels]``, the same; floating or integer, 0 or 1. Any other value gives NaN.
        pixel_ndim, axis_name, reduction: See `jaxloss.vision.segmentation`.
        where, weights: Shape ``[..., *pixels]``. A weight of k is k copies of the pixel. See
            `jaxloss.vision.segmentation`.

    Returns:
        A scalar >= 0; 0 exactly where no pixel is within the margin. Where pixels tie, the gradient is one of the
        subgradients: the order of the pixels decides.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ or there are fewer than ``pixel_ndim`` axes; or if the last axis of pixels has
            size 1, as that of a channel has.

    Example:
        >>> logits, targets = jnp.array([[2.0, -0.5], [0.5, -3.0]]), jnp.array([[1, 1], [0, 0]])
        >>> jaxloss.lovasz_hinge_loss(logits, targets, pixel_ndim=2)
        Array(1., dtype=float32)

    Reference:
        Yu and Blaschko (2015), Learning Submodular Losses with the Lovász Hinge.
        https://proceedings.mlr.press/v37/yub15.html
        Berman, Rannen Triki and Blaschko (2018), The Lovász-Softmax Loss. https://arxiv.org/abs/1705.08790
    """
    logits, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, logits=logits, targets=targets)
    mass, (logits, targets) = _everywhere(axis_name, mass, logits, targets)
    inside = targets == 1
    legal = inside | (targets == 0)
    value_checks.ensure(lambda: legal, "targets must be 0 or 1")
    hinges = positive_part(1 - logits * jnp.where(inside, 1.0, -1.0).astype(logits.dtype))
    values = poison(_extension(hinges, inside, mass), jnp.all(legal, axis=-1))
    return reduce(values, where=present, reduction=reduction)


def lovasz_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    class_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Lovász-softmax loss: surrogate of the Jaccard (IoU) losses of the classes, from errors of probabilities.

    For every class k that has a pixel, with the errors :math:`m_i = |p_{ik} - [y_i = k]|` in decreasing order and
    :math:`J_i` the Jaccard loss of a prediction that is wrong at the first i of them:

    .. math:: \ell_k = \sum_i m_i (J_i - J_{i - 1}), \qquad
              \ell = \frac{\sum_k c_k \ell_k}{\sum_k c_k}

    Classes without a pixel are left out of the mean.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        pixel_ndim, class_weights, axis_name, reduction: See `jaxloss.vision.segmentation`.
        where, weights: Shape ``[..., *pixels]``. A weight of k is k copies of the pixel. See
            `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly where every pixel has all probability on its label. Where pixels tie, the
        gradient is one of the subgradients: the order of the pixels decides.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]`` or there are fewer than ``pixel_ndim`` pixel axes; or if
            the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1, 255])
        >>> jaxloss.lovasz_softmax_loss(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.21356255, dtype=float32)

    Reference:
        Berman, Rannen Triki and Blaschko (2018), The Lovász-Softmax Loss. https://arxiv.org/abs/1705.08790
    """
    probs, is_label, misses, mass, present = label_pool(pixel_ndim, axis_name, where, weights, logits, labels)
    errors = jnp.where(is_label, misses[..., None], probs)
    errors, members = jnp.swapaxes(errors, -1, -2), jnp.swapaxes(is_label, -1, -2)
    mass, (errors, members) = _everywhere(axis_name, mass, errors, members)
    mass = None if mass is None else jnp.broadcast_to(mass[..., None, :], errors.shape)
    values = _extension(errors, members, mass)
    counted = jnp.any(members if mass is None else members & mass.astype(bool), axis=-1)
    if class_weights is not None:
        (scale,) = checks.class_vector(values.shape[-1], values.dtype, class_weights=class_weights)
        counted = counted.astype(values.dtype) * jnp.broadcast_to(scale, values.shape)
    # A label that is no class makes every error NaN, and may leave no class to count.
    legal = jnp.logical_not(jnp.any(jnp.isnan(values), axis=-1))
    mean = weighted_mean(jnp.where(legal[..., None], values, jnp.zeros((), values.dtype)), counted, -1)
    return reduce(poison(mean, legal), where=present, reduction=reduction)


def _everywhere(axis_name: AxisName | None, mass: Array | None, *arrays: Array) -> tuple[Array | None, list[Array]]:
    """The mass and the arrays of the pixels of all devices, the last axis: they are ranked together."""
    if mass is not None:
        _, _, mass = whole_pool(axis_name, None, None, mass)
    _, _, *whole = whole_pool(axis_name, None, None, *arrays)
    return mass, whole


def _extension(errors: Array, members: Array, mass: Array | None) -> Array:
    """The Lovász extension of the Jaccard loss over the last axis, at errors >= 0."""
    order = jnp.argsort(-jax.lax.stop_gradient(errors), axis=-1)
    ranked = [jnp.take_along_axis(x, order, axis=-1) for x in (errors, members)]
    if mass is None:
        counts = jnp.ones(errors.shape, errors.dtype)
    else:
        counts = jnp.take_along_axis(at_unit_scale(mass, -1), order, axis=-1).astype(errors.dtype)
    return jnp.sum(ranked[0] * _jaccard_steps(ranked[1], counts), axis=-1)


def _jaccard_steps(members: Array, counts: Array) -> Array:
    """What every pixel that is got wrong, in this order, adds to the Jaccard loss; no difference of two losses."""
    zero = jnp.zeros((), counts.dtype)
    inside, outside = jnp.where(members, counts, zero), jnp.where(members, zero, counts)
    left = jnp.flip(jnp.cumsum(jnp.flip(inside, -1), axis=-1), -1) - inside
    size = jnp.sum(inside, axis=-1, keepdims=True)
    before = size + (jnp.cumsum(outside, axis=-1) - outside)
    alarm = divide(outside, before + outside) * jnp.where(before == 0, jnp.ones((), counts.dtype), divide(left, before))
    return jnp.where(members, divide(inside, before), alarm)
