"""Training on mixtures of examples: mixup, CutMix and the cross-entropy of both labels."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["cutmix", "mixup", "mixup_cross_entropy"]


def _shares(lam: Scalar, shape: tuple[int, ...], dtype: jnp.dtype) -> Scalar:
    """``lam`` as one number, or as one number per example."""
    if np.ndim(lam) == 0 or not shape:
        return checks.scalar("lam", lam, dtype, at_least=0, at_most=1)
    (lam,) = checks.numeric(lam=lam)
    checks.has_shape(shape, "one number, or one per example", lam=lam)
    return lam.astype(dtype)


def mixup_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    partner_labels: ArrayLike,
    *,
    lam: Scalar,
    label_smoothing: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of mixed examples with the labels of both partners, for mixup and CutMix.

    .. math:: \ell = \lambda \, \mathrm{CE}(z, y) + (1 - \lambda) \, \mathrm{CE}(z, y')

    It equals `jaxloss.softmax_cross_entropy` with the mixture of one-hot targets.

    Args:
        logits: Scores of the mixture, shape ``[..., K]``, floating, unnormalised.
        labels: Class of the example that has the share :math:`\lambda`, shape ``[...]``, integer; out of range gives
            NaN.
        partner_labels: Class of the other one, shape ``[...]``, integer; the same.
        lam: Share :math:`\lambda` in [0, 1]: one number, or one per example, shape ``[...]``.
        label_smoothing: Share of the target spread evenly over all K classes; in [0, 1].
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; its minimum over the logits is the entropy of the mixed targets.

    Raises:
        TypeError: If ``logits`` are not floating or labels not integer.
        ValueError: If the shapes do not match, the class axis is empty, or a hyperparameter is out of range.

    Example:
        >>> logits = jnp.array([[2.0, 0.0, 0.0]])
        >>> print(f"{jaxloss.mixup_cross_entropy(logits, jnp.array([0]), jnp.array([1]), lam=0.75):.6f}")
        0.739545

    Reference:
        Zhang et al. (2018), mixup: Beyond Empirical Risk Minimization. https://arxiv.org/abs/1710.09412
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    options = {"label_smoothing": label_smoothing, "where": where, "reduction": "none"}
    ours = softmax_cross_entropy_with_integer_labels(logits, labels, **options)
    (partner_labels,) = checks.integer(partner_labels=partner_labels)
    checks.has_shape(ours.shape, "the shape of labels", partner_labels=partner_labels)
    hidden = hide(where, checks.as_int32(partner_labels))
    value_checks.ensure_labels(hidden, logits.shape[-1], "partner_labels")
    theirs = softmax_cross_entropy_with_integer_labels(logits, partner_labels, **options)
    lam = _shares(lam, ours.shape, ours.dtype)
    values = lam * ours + (1 - lam) * theirs
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _permuted(permutation: ArrayLike, examples: Array) -> Array:
    (permutation,) = checks.integer(permutation=permutation)
    checks.has_shape(examples.shape[:1], "one partner per example", permutation=permutation)
    return jnp.take(examples, permutation, axis=0, mode="fill")


def mixup(examples: ArrayLike, permutation: ArrayLike, lam: Scalar) -> Array:
    r"""Mixup: convex combinations of examples and their partners.

    .. math:: \tilde x_i = \lambda x_i + (1 - \lambda) x_{\pi(i)}

    Train on them with `jaxloss.mixup_cross_entropy` and ``partner_labels=labels[permutation]``.

    Args:
        examples: Shape ``[N, ...]``, floating.
        permutation: Index of the partner of every example, shape ``[N]``, integer, such as
            ``jax.random.permutation(key, N)``; out of range gives NaN.
        lam: Share :math:`\lambda` in [0, 1]: one number or one per example ``[N]``, such as
            ``jax.random.beta(key, 0.2, 0.2)``.

    Returns:
        The mixtures, in the shape of ``examples``; float32 at least.

    Raises:
        TypeError: If ``examples`` are not floating or ``permutation`` not integer.
        ValueError: If the shapes do not match, or ``lam`` is out of range.

    Example:
        >>> jaxloss.mixup(jnp.array([[0.0], [4.0]]), jnp.array([1, 0]), 0.75)
        Array([[1.],
               [3.]], dtype=float32)

    Reference:
        Zhang et al. (2018), mixup: Beyond Empirical Risk Minimization. https://arxiv.org/abs/1710.09412
    """
    (examples,) = promote(*checks.floating(examples=examples))
    checks.with_axes(" ".join(["examples", *["features"] * (examples.ndim - 1)]), allow_empty=True, examples=examples)
    share = _shares(lam, examples.shape[:1], examples.dtype)
    share = jnp.reshape(jnp.asarray(share, examples.dtype), (-1,) + (1,) * (examples.ndim - 1))
    return share * examples + (1 - share) * _permuted(permutation, examples)


def cutmix(images: ArrayLike, permutation: ArrayLike, lam: Scalar, centers: ArrayLike) -> tuple[Array, Array]:
    r"""CutMix: images with a box of their partner pasted in, and the share of each image that is left.

    .. math:: \tilde x_i = M_i \odot x_i + (1 - M_i) \odot x_{\pi(i)}

    where the mask :math:`M_i` is 0 in a box around the centre with sides :math:`\sqrt{1 - \lambda}` of those of the
    image, cut at its border. The share that is left is therefore at least :math:`\lambda`, up to rounding to pixels:
    pass it, not ``lam``, to `jaxloss.mixup_cross_entropy`.

    Args:
        images: Shape ``[N, H, W, C]``, floating.
        permutation: Index of the partner of every image, shape ``[N]``, integer; out of range gives NaN.
        lam: Share :math:`\lambda` in [0, 1]: one number or one per image ``[N]``, such as
            ``jax.random.uniform(key)``.
        centers: Centres of the boxes (row, column) in [0, 1), in units of the image, shape ``[N, 2]``, such as
            ``jax.random.uniform(key, (N, 2))``.

    Returns:
        The images, float32 at least, and the shares of pixels kept ``[N]``.

    Raises:
        TypeError: If ``images`` or ``centers`` are not floating or ``permutation`` not integer.
        ValueError: If the shapes do not match, or ``lam`` is out of range.

    Example:
        >>> images = jnp.stack([jnp.zeros((2, 2, 1)), jnp.ones((2, 2, 1))])
        >>> mixed, share = jaxloss.cutmix(images, jnp.array([1, 0]), 0.75, jnp.full((2, 2), 0.75))
        >>> print(mixed[0, :, :, 0], share)
        [[0. 0.]
         [0. 1.]] [0.75 0.75]

    Reference:
        Yun et al. (2019), CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features.
        https://arxiv.org/abs/1905.04899
    """
    images, centers = promote(*checks.floating(images=images, centers=centers))
    checks.has_shape((*images.shape[:1], *images.shape[-3:]), "N, H, W, C", images=images)
    checks.has_shape((images.shape[0], 2), "one centre per image", centers=centers)
    side = jnp.sqrt(1 - jnp.asarray(_shares(lam, images.shape[:1], images.dtype), images.dtype))
    side = jnp.broadcast_to(side, images.shape[:1])
    inside = [_inside(centers[:, i], side, images.shape[1 + i]) for i in (0, 1)]
    box = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    mixed = jnp.where(box, _permuted(permutation, images), images)
    pixels = images.shape[1] * images.shape[2]
    return mixed, 1 - jnp.sum(box, axis=(1, 2, 3), dtype=jnp.int32).astype(images.dtype) / pixels


def _inside(center: Array, side: Array, size: int) -> Array:
    """Which of ``size`` pixels lie within half a side of the centre, ``[N, size]``."""
    pixels = (jnp.arange(size, dtype=center.dtype) + 0.5) / size
    return jnp.abs(pixels[None, :] - center[:, None]) < 0.5 * side[:, None]
