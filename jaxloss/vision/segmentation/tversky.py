"""Tversky losses: overlap with a price for false positives and one for false negatives, and a focus."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.numerics import power
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision.segmentation._overlap import label_overlap, logit_overlap, miss, prob_overlap
from jaxloss.vision.segmentation._pixels import class_mean

__all__ = ["sigmoid_tversky_loss", "softmax_tversky_loss", "tversky_loss"]


def tversky_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    gamma: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss of probabilities: overlap that trades false positives for false negatives; with ``gamma``, focal.

    With the shares of the pixels :math:`|p \cap y| = \overline{\min(p, y)}`,
    :math:`|p \setminus y| = \overline{\max(p - y, 0)}` and :math:`|y \setminus p| = \overline{\max(y - p, 0)}`:

    .. math:: \ell = \left(1 - \frac{|p \cap y| + s}{|p \cap y| + \alpha |p \setminus y|
              + \beta |y \setminus p| + s}\right)^\gamma

    The pixels of a pool are counted before the quotient, so nothing is averaged over images unless ``pixel_ndim``
    says so: with ``[B, H, W]``, 2 gives a loss per image and 3 one of the whole batch. Masks of several classes go
    first, ``[B, K, H, W]``. ``alpha`` = ``beta`` = 1/2 is the Dice loss, 1 the Jaccard loss.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating; outside [0, 1] gives NaN.
        targets: Shape ``[..., *pixels]``, the same; membership of the mask, floating or integer, in [0, 1]; a target
            outside gives NaN.
        pixel_ndim: Number of pixel axes that make one pool; >= 1, static. 2 pools an image ``[H, W]``; 3 a volume, or
            a batch of images into one.
        alpha: Weight of false positives; >= 0. (Keras means false negatives by it, whatever its documentation says.)
        beta: Weight of false negatives; >= 0. The paper weighs false positives 0.3 and false negatives 0.7.
        gamma: Exponent of the focal Tversky loss; > 0. Below 1, such as the 3/4 of its paper (there the
            inverse of its :math:`\gamma`), it presses on nearly perfect pools, with a slope that grows without bound;
            above 1, on bad ones.
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
        >>> jaxloss.tversky_loss(probs, targets, pixel_ndim=1, reduction="none")
        Array([0.49999, 0.     ], dtype=float32)

    Reference:
        Salehi, Erdogmus and Gholipour (2017), Tversky Loss Function for Image Segmentation Using 3D Fully
        Convolutional Deep Networks. https://arxiv.org/abs/1706.05721
        Abraham and Khan (2019), A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
        Segmentation (gamma). https://arxiv.org/abs/1810.07842
    """
    overlap, present = prob_overlap(probs, targets, pixel_ndim, where, weights)
    alpha = checks.scalar("alpha", alpha, overlap.both.dtype, at_least=0)
    beta = checks.scalar("beta", beta, overlap.both.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, overlap.both.dtype, above=0)
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    return reduce(power(miss(overlap, alpha, beta, smoothing), gamma), where=present, reduction=reduction)


def sigmoid_tversky_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    gamma: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss of the sigmoid of logits: overlap that trades false positives for false negatives.

    With the shares of the pixels, at :math:`p = \sigma(z)` :math:`|p \cap y| = \overline{\min(p, y)}`,
    :math:`|p \setminus y| = \overline{\max(p - y, 0)}` and :math:`|y \setminus p| = \overline{\max(y - p, 0)}`:

    .. math:: \ell = \left(1 - \frac{|p \cap y| + s}{|p \cap y| + \alpha |p \setminus y|
              + \beta |y \setminus p| + s}\right)^\gamma

    The pixels of a pool are counted before the quotient, so nothing is averaged over images unless ``pixel_ndim``
    says so: with ``[B, H, W]``, 2 gives a loss per image and 3 one of the whole batch. Masks of several classes go
    first, ``[B, K, H, W]``. ``alpha`` = ``beta`` = 1/2 is the Dice loss, 1 the Jaccard loss.

    Args:
        logits: Shape ``[..., *pixels]``, floating, unnormalised.
        targets: Shape ``[..., *pixels]``, the same; membership of the mask, floating or integer, in [0, 1]; a target
            outside gives NaN.
        pixel_ndim: Number of pixel axes that make one pool; >= 1, static. 2 pools an image ``[H, W]``; 3 a volume, or
            a batch of images into one.
        alpha: Weight of false positives; >= 0. (Keras means false negatives by it, whatever its documentation says.)
        beta: Weight of false negatives; >= 0. The paper weighs false positives 0.3 and false negatives 0.7.
        gamma: Exponent of the focal Tversky loss; > 0. Below 1, such as the 3/4 of its paper (there the
            inverse of its :math:`\gamma`), it presses on nearly perfect pools, with a slope that grows without bound;
            above 1, on bad ones.
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
        >>> jaxloss.sigmoid_tversky_loss(logits, targets, pixel_ndim=2)
        Array(0.21099609, dtype=float32)

    Reference:
        Salehi, Erdogmus and Gholipour (2017), Tversky Loss Function for Image Segmentation Using 3D Fully
        Convolutional Deep Networks. https://arxiv.org/abs/1706.05721
        Abraham and Khan (2019), A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
        Segmentation (gamma). https://arxiv.org/abs/1810.07842
    """
    overlap, present = logit_overlap(logits, targets, pixel_ndim, where, weights)
    alpha = checks.scalar("alpha", alpha, overlap.both.dtype, at_least=0)
    beta = checks.scalar("beta", beta, overlap.both.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, overlap.both.dtype, above=0)
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    return reduce(power(miss(overlap, alpha, beta, smoothing), gamma), where=present, reduction=reduction)


def softmax_tversky_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    gamma: Scalar = 1.0,
    smoothing: Scalar = 1e-5,
    class_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss of every class under the softmax of logits, averaged over the classes.

    With the shares of the pixels of class k :math:`|p \cap y| = \overline{\min(p, y)}`,
    :math:`|p \setminus y| = \overline{\max(p - y, 0)}` and :math:`|y \setminus p| = \overline{\max(y - p, 0)}`:

    .. math:: \ell = \left(1 - \frac{|p \cap y| + s}{|p \cap y| + \alpha |p \setminus y|
              + \beta |y \setminus p| + s}\right)^\gamma

    for every class k, and the loss is the mean over the classes, weighted by ``class_weights``. A class without a
    pixel counts too: its loss falls to 0 with the probability that it is given. With ``[B, H, W, K]``, a
    ``pixel_ndim`` of 2 gives a loss per image and 3 one of the whole batch. For soft labels or for independent
    classes put the classes first and call `jaxloss.tversky_loss` or `jaxloss.sigmoid_tversky_loss`.

    Args:
        logits: Shape ``[..., *pixels, K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[..., *pixels]``, integer class indices in ``[0, K)``; one outside makes its pool NaN.
        pixel_ndim: Number of pixel axes that make one pool; >= 1, static. 2 pools an image ``[H, W]``; 3 a volume, or
            a batch of images into one.
        alpha: Weight of false positives; >= 0. (Keras means false negatives by it, whatever its documentation says.)
        beta: Weight of false negatives; >= 0. The paper weighs false positives 0.3 and false negatives 0.7.
        gamma: Exponent of the focal Tversky loss; > 0. Below 1, such as the 3/4 of its paper (there the
            inverse of its :math:`\gamma`), it presses on nearly perfect pools, with a slope that grows without bound;
            above 1, on bad ones.
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
        >>> jaxloss.softmax_tversky_loss(logits, labels, pixel_ndim=1, where=labels != 255)
        Array(0.16014494, dtype=float32)

    Reference:
        Salehi, Erdogmus and Gholipour (2017), Tversky Loss Function for Image Segmentation Using 3D Fully
        Convolutional Deep Networks. https://arxiv.org/abs/1706.05721
        Abraham and Khan (2019), A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
        Segmentation (gamma). https://arxiv.org/abs/1810.07842
    """
    overlap, present = label_overlap(logits, labels, pixel_ndim, where, weights)
    alpha = checks.scalar("alpha", alpha, overlap.both.dtype, at_least=0)
    beta = checks.scalar("beta", beta, overlap.both.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, overlap.both.dtype, above=0)
    smoothing = checks.scalar("smoothing", smoothing, overlap.both.dtype, at_least=0)
    values = class_mean(power(miss(overlap, alpha, beta, smoothing), gamma), class_weights)
    return reduce(values, where=present, reduction=reduction)
