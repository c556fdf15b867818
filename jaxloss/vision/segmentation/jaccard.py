"""Jaccard losses: one minus the intersection of two masks over their union."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision.segmentation._overlap import label_overlap, logit_overlap, miss, prob_overlap
from jaxloss.vision.segmentation._pixels import class_mean

__all__ = ["jaccard_loss", "sigmoid_jaccard_loss", "softmax_jaccard_loss"]


def jaccard_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard (IoU) loss of probabilities: one minus intersection over union.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`, :math:`|p| = \overline{p}` and
    :math:`|y| = \overline{y}`:

    .. math:: \ell = 1 - \frac{|p \cap y| + s}{|p| + |y| - |p \cap y| + s}

    The pixels of a pool are counted before the quotient, so nothing is averaged over images unless ``pixel_ndim``
    says so: with ``[B, H, W]``, 2 gives a loss per image and 3 one of the whole batch. Masks of several classes go
    first, ``[B, K, H, W]``. Where targets are 0 or 1 the minimum is the product
    :math:`p y` of other packages; with soft targets it has the least loss, 0, at :math:`p = y`, and the product not.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating; outside [0, 1] gives NaN.
        targets: Shape ``[..., *pixels]``, the same; membership of the mask, floating or integer, in [0, 1]; a target
            outside gives NaN.
        pixel_ndim: Number of pixel axes that make one pool; >= 1, static. 2 pools an image ``[H, W]``; 3 a volume, or
            a batch of images into one.
        smoothing: Agreement :math:`s` added to both sides of the quotient, as a share of the pixels; >= 0. It takes
            false alarms on an empty target down to 0, where without it the loss is 1 however few they are.
        where, weights: Shape ``[..., *pixels]``; a pool without a pixel is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, an empty prediction of an empty target included, with zero
        gradient there.

    Raises:
        TypeError: If ``probs`` are not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of
            range.

    Example:
        >>> probs, targets = jnp.array([[0.5, 0.5], [0.0, 0.0]]), jnp.array([[1, 0], [0, 0]])
        >>> jaxloss.jaccard_loss(probs, targets, pixel_ndim=1, reduction="none")
        Array([0.66665775, 0.        ], dtype=float32)

    Reference:
        Rahman and Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation.
        https://doi.org/10.1007/978-3-319-50835-1_22
        Wang et al. (2023), Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels.
        https://arxiv.org/abs/2302.05666
    """
    overlap, present = prob_overlap(probs, targets, pixel_ndim, where, weights)
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    return reduce(miss(overlap, 1.0, 1.0, smoothing), where=present, reduction=reduction)


def sigmoid_jaccard_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard (IoU) loss of the sigmoid of logits: one minus intersection over union.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`, :math:`|p| = \overline{p}` and
    :math:`|y| = \overline{y}`, at :math:`p = \sigma(z)`:

    .. math:: \ell = 1 - \frac{|p \cap y| + s}{|p| + |y| - |p \cap y| + s}

    The pixels of a pool are counted before the quotient, so nothing is averaged over images unless ``pixel_ndim``
    says so: with ``[B, H, W]``, 2 gives a loss per image and 3 one of the whole batch. Masks of several classes go
    first, ``[B, K, H, W]``. Where targets are 0 or 1 the minimum is the product
    :math:`p y` of other packages; with soft targets it has the least loss, 0, at :math:`p = y`, and the product not.

    Args:
        logits: Shape ``[..., *pixels]``, floating, unnormalised.
        targets: Shape ``[..., *pixels]``, the same; membership of the mask, floating or integer, in [0, 1]; a target
            outside gives NaN.
        pixel_ndim: Number of pixel axes that make one pool; >= 1, static. 2 pools an image ``[H, W]``; 3 a volume, or
            a batch of images into one.
        smoothing: Agreement :math:`s` added to both sides of the quotient, as a share of the pixels; >= 0. It takes
            false alarms on an empty target down to 0, where without it the loss is 1 however few they are.
        where, weights: Shape ``[..., *pixels]``; a pool without a pixel is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, an empty prediction of an empty target included, with zero
        gradient there.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of
            range.

    Example:
        >>> logits, targets = jnp.array([[2.0, -2.0], [-9.0, 0.0]]), jnp.array([[1, 0], [0, 1]])
        >>> jaxloss.sigmoid_jaccard_loss(logits, targets, pixel_ndim=2)
        Array(0.34846702, dtype=float32)

    Reference:
        Rahman and Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation.
        https://doi.org/10.1007/978-3-319-50835-1_22
        Wang et al. (2023), Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels.
        https://arxiv.org/abs/2302.05666
    """
    overlap, present = logit_overlap(logits, targets, pixel_ndim, where, weights)
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    return reduce(miss(overlap, 1.0, 1.0, smoothing), where=present, reduction=reduction)


def softmax_jaccard_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    class_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard (IoU) loss of every class under the softmax of logits, averaged over the classes.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`, :math:`|p| = \overline{p}` and
    :math:`|y| = \overline{y}`, where :math:`p = \mathrm{softmax}(z)_k` and y tells whether the label is k:

    .. math:: \ell = 1 - \frac{|p \cap y| + s}{|p| + |y| - |p \cap y| + s}

    for every class k, and the loss is the mean over the classes, weighted by ``class_weights``. A class without a
    pixel counts too: its loss falls to 0 with the probability that it is given. With ``[B, H, W, K]``, a
    ``pixel_ndim`` of 2 gives a loss per image and 3 one of the whole batch. For soft labels or for independent
    classes put the classes first and call `jaxloss.jaccard_loss` or `jaxloss.sigmoid_jaccard_loss`.

    Args:
        logits: Shape ``[..., *pixels, K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[..., *pixels]``, integer class indices in ``[0, K)``; one outside makes its pool NaN.
        pixel_ndim: Number of pixel axes that make one pool; >= 1, static. 2 pools an image ``[H, W]``; 3 a volume, or
            a batch of images into one.
        smoothing: Agreement :math:`s` added to both sides of the quotient, as a share of the pixels; >= 0. It takes
            false alarms on an empty target down to 0, where without it the loss is 1 however few they are.
        class_weights: Shape ``[K]``, >= 0: the weights of the classes in their mean. 0 leaves a class out, such as
            the background; None weighs all alike.
        where, weights: Shape ``[..., *pixels]``; a pool without a pixel is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels`` have not the shape of ``logits`` without its last axis, there are fewer than
            ``pixel_ndim`` pixel axes, or a hyperparameter is out of range.

    Example:
        >>> logits, labels = jnp.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1, 255])
        >>> jaxloss.softmax_jaccard_loss(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.27567443, dtype=float32)

    Reference:
        Rahman and Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation.
        https://doi.org/10.1007/978-3-319-50835-1_22
        Wang et al. (2023), Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels.
        https://arxiv.org/abs/2302.05666
    """
    overlap, present = label_overlap(logits, labels, pixel_ndim, where, weights)
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    values = class_mean(miss(overlap, 1.0, 1.0, smoothing), class_weights)
    return reduce(values, where=present, reduction=reduction)
