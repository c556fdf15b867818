"""Overlap of classes some of which are more alike than others, such as the parts of one organ."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision.segmentation._pixels import label_pool, pixel_mean

__all__ = ["softmax_wasserstein_dice_loss"]


def softmax_wasserstein_dice_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_ndim: int,
    distance_matrix: ArrayLike,
    background: int = 0,
    smoothing: Scalar = 1e-5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generalized Wasserstein Dice loss: Dice loss in which a mistake costs the distance of the two classes.

    .. math:: \ell = \frac{\overline{W}}{2 \, \overline{[y \ne b] (1 - W)} + \overline{W} + s}, \qquad
              W = \sum_k M_{y k} \, \mathrm{softmax}(z)_k

    with the distances :math:`M` of the classes. Pixels of the background, class b, do not count as agreement. With
    distances of 1, :math:`W` is the probability of all classes but the label. The formula of the paper, the default of
    MONAI.

    Args:
        logits: Scores of the classes, shape ``[..., *pixels, K]``, floating, unnormalised.
        labels: Class indices, shape ``[..., *pixels]``, integer, in ``[0, K)``.
        distance_matrix: Distances of the classes, true ones in rows, shape ``[K, K]``, in [0, 1]; 0 on the
            diagonal, which is not read. MONAI divides by the largest.
        background: Class that is not an object, static, in ``[0, K)``.
        pixel_ndim, smoothing, axis_name, where, weights, reduction: See `jaxloss.vision.segmentation`.

    Returns:
        A scalar in [0, 1]; 0 exactly where every pixel has all probability on its label.

    Raises:
        TypeError: If ``logits`` is not floating or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, there are fewer than ``pixel_ndim`` pixel axes, or a
            hyperparameter is out of range; or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> logits, labels = 9.0 * jax.nn.one_hot(jnp.array([0, 1, 1, 2]), 3), jnp.array([0, 1, 2, 2])
        >>> near = jnp.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.1], [1.0, 0.1, 0.0]])
        >>> loss = lambda m: jaxloss.softmax_wasserstein_dice_loss(logits, labels, pixel_ndim=1, distance_matrix=m)
        >>> print(f"{loss(near):.3f} {loss(jnp.ones((3, 3))):.3f}")
        0.017 0.200

    Reference:
        Fidon et al. (2017), Generalised Wasserstein Dice Score for Imbalanced Multi-class Segmentation Using Holistic
        Convolutional Networks. https://arxiv.org/abs/1707.00478
    """
    probs, is_label, _, mass, present = label_pool(pixel_ndim, axis_name, where, weights, logits, labels)
    distances = _distances(distance_matrix, probs.shape[-1], probs.dtype)
    if checks.whole("background", background, at_least=0) >= probs.shape[-1]:
        raise ValueError(f"background must be the index of one of the {probs.shape[-1]} classes; found {background}.")
    smoothing = checks.scalar("smoothing", smoothing, probs.dtype, at_least=0)
    rows = jnp.matmul(is_label.astype(probs.dtype), distances, precision=precision())
    wrong = jnp.sum(rows * probs, axis=-1)
    right = jnp.sum((1 - rows) * probs, axis=-1)
    right = jnp.where(is_label[..., background], jnp.zeros((), probs.dtype), right)
    error, agreement = (pixel_mean(axis_name, share, mass) for share in (wrong, right))
    return reduce(divide(error, 2 * agreement + error + smoothing), where=present, reduction=reduction)


def _distances(matrix: ArrayLike, num_classes: int, dtype: Any) -> Array:
    """Distances of classes, 0 on the diagonal."""
    (array,) = checks.numeric(distance_matrix=matrix)
    checks.has_shape((num_classes, num_classes), "true classes, predicted classes", distance_matrix=array)
    known = not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(matrix))
    if known and not np.all((np.asarray(matrix) >= 0) & (np.asarray(matrix) <= 1)):
        raise ValueError(
            "distance_matrix must be in [0, 1]; found numbers from "
            f"{np.asarray(matrix).min()} to {np.asarray(matrix).max()}. Divide by the largest distance."
        )
    return jnp.where(jnp.eye(num_classes, dtype=bool), jnp.zeros((), dtype), array.astype(dtype))
