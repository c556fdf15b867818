"""Distances of keypoints relative to the size of their object and to their kind, as COCO evaluates poses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import difference
from jaxloss._floor.reduction import blank, hide, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["oks_loss"]


def oks_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    visible: ArrayLike,
    areas: ArrayLike,
    *,
    sigmas: ArrayLike,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Object keypoint similarity (OKS) loss: one minus the similarity that COCO evaluates poses by.

    .. math:: \ell = \frac{\sum_j v_j \left(1 - e^{-d_j^2 / (2 A k_j^2)}\right)}{\sum_j v_j}, \qquad k_j = 2 \sigma_j

    with the distance :math:`d_j` of keypoint j from its place, the area A of the object, and the standard deviation
    :math:`\sigma_j` of annotators relative to the size of an object. Its gradient vanishes far away from the target;
    the YOLO models that train with it add a loss of boxes. COCO's 17 values of :math:`\sigma`: nose 0.026, eyes 0.025,
    ears 0.035, shoulders 0.079, elbows 0.072, wrists 0.062, hips 0.107, knees 0.087, ankles 0.089.

    Args:
        predictions: Keypoints, shape ``[..., J, D]``, floating, in pixels.
        targets: Keypoints, shape ``[..., J, D]``, the same; floating or integer.
        visible: Which keypoints are annotated, shape ``[..., J]``, boolean. What is in the others is ignored.
        areas: Areas of the objects, shape ``[...]``, floating or integer, in squared pixels; > 0, otherwise NaN. YOLO
            takes that of the box, COCO that of the segment.
        sigmas: Standard deviations :math:`\sigma` of the J kinds of keypoints, shape ``[J]``, relative to the square
            root of the area; > 0. Half of the constants k of the paper.
        where, weights: One per object, shape ``[...]``. An object without visible keypoints is absent. See
            `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly at a perfect fit, with zero gradient.

    Raises:
        TypeError: If ``predictions`` is not floating or ``visible`` is not boolean.
        ValueError: If the shapes do not match, the last axis is empty, or ``sigmas`` are not > 0.

    Example:
        >>> pose = jnp.array([[10.0, 10.0], [20.0, 10.0], [0.0, 0.0]])
        >>> visible, sigmas = jnp.array([True, True, False]), jnp.array([0.025, 0.079, 0.079])
        >>> jaxloss.oks_loss(pose + 2.0, pose, visible, 400.0, sigmas=sigmas)
        Array(0.65587544, dtype=float32)

    Reference:
        Maji, Nagori, Mathew and Poddar (2022), YOLO-Pose: Enhancing YOLO for Multi Person Pose Estimation Using Object
        Keypoint Similarity Loss. https://arxiv.org/abs/2204.06806
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("keypoints coordinates", predictions=predictions)
    (visible,) = checks.boolean("True where a keypoint is annotated", visible=visible)
    (areas,) = checks.numeric(areas=areas)
    checks.has_shape(predictions.shape[:-1], "one flag per keypoint", visible=visible)
    checks.has_shape(predictions.shape[:-2], "one area per object", areas=areas)
    here = hide(where, visible, event_ndim=1, fill=False)
    present = jnp.any(here, axis=-1)
    predictions, targets = blank(here, predictions, targets, event_ndim=1)
    (areas,) = blank(present, areas, fill=1)
    sides = _sides(sigmas, predictions.shape[-2], predictions.dtype)
    areas = value_checks.within_domain(areas.astype(predictions.dtype), areas > 0, "areas must be > 0")
    gaps = difference(predictions, targets) / (jnp.sqrt(8 * areas)[..., None] * sides[(None,) * areas.ndim])[..., None]
    values = hide(here, -jnp.expm1(-jnp.sum(jnp.square(gaps), axis=-1)))
    return reduce(pool_mean(values, here), where=present, weights=weights, reduction=reduction)


def _sides(sigmas: ArrayLike, keypoints: int, dtype: Any) -> Array:
    (array,) = checks.numeric(sigmas=sigmas)
    checks.has_shape((keypoints,), "one number per keypoint", sigmas=array)
    known = not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(sigmas))
    if known and not np.all(np.asarray(sigmas) > 0):
        raise ValueError(f"sigmas must be > 0; found {np.asarray(sigmas).tolist()}.")
    return array.astype(dtype)
