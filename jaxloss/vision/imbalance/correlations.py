"""Matthews correlation: the index of overlap that counts the pixels outside of a mask as much as those inside."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide, sqrt
from jaxloss._floor.maths.rows.memberships import shares_by_logits, shares_by_probs
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision.segmentation._pixels import class_mean, label_pool, mask_pool, pixel_mean

__all__ = ["mcc_loss", "sigmoid_mcc_loss", "softmax_mcc_loss"]


def mcc_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Matthews correlation coefficient (MCC) loss of probabilities: one minus the correlation of two masks.

    With the shares of the pixels :math:`a = |p \cap y| + s`, :math:`b = |p \setminus y|`,
    :math:`c = |y \setminus p|` and :math:`d = |\bar p \cap \bar y| + s`:

    .. math:: \ell = 1 - \frac{a d - b c}{\sqrt{(a + b)(a + c)(d + b)(d + c)}}

    Unlike `jaxloss.dice_loss` it counts the pixels that are rightly left out, and a mask and its complement alike. The
    intersection is the minimum, not the product :math:`p y` of other packages; with targets of 0 and 1 both are equal.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1].
        targets: Membership of the mask, shape ``[..., *pixels]``, boolean, floating or integer, in [0, 1].
        smoothing: Agreement s added to both kinds, as a share of the pixels of a pool; >= 0. With an empty or a full
            target the loss then shrinks with the number of errors; without it, the loss is 1 for any number, as in
            MONAI.
        pixel_ndim, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 2]: 0 exactly at a perfect fit, also of an empty mask, with zero gradient there; 1 for a
        prediction that says nothing of the target; 2 for its complement.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> probs, targets = jnp.array([[1.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5]]), jnp.array([[1, 0, 0, 0]] * 2)
        >>> jaxloss.mcc_loss(probs, targets, pixel_ndim=1, smoothing=0.0, reduction="none")
        Array([0.42264974, 1.        ], dtype=float32)

    Reference:
        Abhishek and Hamarneh (2021), Matthews Correlation Coefficient Loss for Deep Convolutional Networks: Application
        to Skin Lesion Segmentation. https://arxiv.org/abs/2010.13454
    """
    probs, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, probs=probs, targets=targets)
    value_checks.ensure_probabilities(probs=probs)
    one = jnp.ones((), probs.dtype)
    both, extra = shares_by_probs(probs, targets, one, 0 * one)
    _, missed = shares_by_probs(probs, targets, 0 * one, one)
    neither, _ = shares_by_probs(_rest(probs), _rest(targets), one, one)
    table = _Table(*(pixel_mean(axis_name, share, mass) for share in (both, extra, missed, neither)))
    return reduce(_lack(table, smoothing), where=present, reduction=reduction)


def sigmoid_mcc_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Matthews correlation coefficient (MCC) loss of the sigmoid of logits.

    With the shares of the pixels :math:`a = |p \cap y| + s`, :math:`b = |p \setminus y|`,
    :math:`c = |y \setminus p|` and :math:`d = |\bar p \cap \bar y| + s` at :math:`p = \sigma(z)`:

    .. math:: \ell = 1 - \frac{a d - b c}{\sqrt{(a + b)(a + c)(d + b)(d + c)}}

    `jaxloss.mcc_loss` of :math:`\sigma(z)`, with full relative accuracy for confident logits.

    Args:
        logits: Scores of the mask, shape ``[..., *pixels]``, floating, unnormalised.
        targets: Membership of the mask, shape ``[..., *pixels]``, boolean, floating or integer, in [0, 1].
        smoothing: Agreement s added to both kinds, as a share of the pixels; >= 0. See `jaxloss.mcc_loss`.
        pixel_ndim, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 2]; 0 exactly at a perfect fit, also of an empty mask, with zero gradient there.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, targets = jnp.array([[2.0, -2.0], [-9.0, 0.0]]), jnp.array([[1, 0], [0, 1]])
        >>> jaxloss.sigmoid_mcc_loss(logits, targets, pixel_ndim=2)
        Array(0.34858322, dtype=float32)

    Reference:
        Abhishek and Hamarneh (2021), Matthews Correlation Coefficient Loss for Deep Convolutional Networks: Application
        to Skin Lesion Segmentation. https://arxiv.org/abs/2010.13454
    """
    logits, targets, mass, present = mask_pool(pixel_ndim, axis_name, where, weights, logits=logits, targets=targets)
    one = jnp.ones((), logits.dtype)
    both, extra = shares_by_logits(logits, targets, one, 0 * one)
    _, missed = shares_by_logits(logits, targets, 0 * one, one)
    neither, _ = shares_by_logits(-logits, _rest(targets), one, one)
    table = _Table(*(pixel_mean(axis_name, share, mass) for share in (both, extra, missed, neither)))
    return reduce(_lack(table, smoothing), where=present, reduction=reduction)


def softmax_mcc_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    class_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Matthews correlation coefficient (MCC) loss of the softmax of logits, averaged over the classes.

    With the shares of the pixels :math:`a = |p \cap y| + s`, :math:`b = |p \setminus y|`,
    :math:`c = |y \setminus p|` and :math:`d = |\bar p \cap \bar y| + s` for :math:`p = \mathrm{softmax}(z)_k` and y = 1
    where the label is k:

    .. math:: \ell_k = 1 - \frac{a d - b c}{\sqrt{(a + b)(a + c)(d + b)(d + c)}}, \qquad
              \ell = \frac{\sum_k w_k \ell_k}{\sum_k w_k}

    Every class is compared with all others taken together.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        smoothing: Agreement s added to both kinds, as a share of the pixels; >= 0. See `jaxloss.mcc_loss`.
        pixel_ndim, class_weights, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 2]; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, there are fewer than ``pixel_ndim`` pixel axes, or a
            hyperparameter is out of range; or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1, 255])
        >>> jaxloss.softmax_mcc_loss(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.2989453, dtype=float32)

    Reference:
        Abhishek and Hamarneh (2021), Matthews Correlation Coefficient Loss for Deep Convolutional Networks: Application
        to Skin Lesion Segmentation. https://arxiv.org/abs/2010.13454
    """
    probs, is_label, misses, mass, present = label_pool(pixel_ndim, axis_name, where, weights, logits, labels)
    zero, misses = jnp.zeros((), probs.dtype), misses[..., None]
    shares = (
        jnp.where(is_label, 1 - misses, zero),
        jnp.where(is_label, zero, probs),
        jnp.where(is_label, misses, zero),
        jnp.where(is_label, zero, 1 - probs),
    )
    mass = None if mass is None else mass[..., None]
    table = _Table(*(pixel_mean(axis_name, share, mass, -2) for share in shares))
    return reduce(class_mean(_lack(table, smoothing), class_weights), where=present, reduction=reduction)


def _rest(memberships: Array) -> Array:
    """One minus a membership, not below 0 where a product in front of it, not yet rounded, is above 1."""
    one = jnp.ones((), memberships.dtype)
    return 1 - jnp.where(memberships > 1, one, memberships)


class _Table(NamedTuple):
    """Shares of the pixels, per pool, which sum to one."""

    both: Array
    extra: Array
    missed: Array
    neither: Array


def _lack(table: _Table, smoothing: Scalar) -> Array:
    """One minus the correlation; 0 with zero gradient without an error."""
    s = checks.scalar("smoothing", smoothing, table.both.dtype, at_least=0)
    a, b, c, d = table.both + s, table.extra, table.missed, table.neither + s
    size = sqrt(a + b) * sqrt(a + c) * sqrt(d + b) * sqrt(d + c)
    agreement = a * d - b * c
    # What size**2 exceeds agreement**2 by, of terms that are all small near a perfect fit.
    gap = (a * d + b * c) * (a + d) * (b + c) + (a * c + b * d) * (a * b + c * d) + 4 * (a * b) * (c * d)
    near = (2 * agreement > size) | (b + c == 0)
    total = jnp.where(near, size + agreement, jnp.ones((), size.dtype))
    return jnp.where(near, divide(divide(gap, total), size), 1 - divide(agreement, size))
