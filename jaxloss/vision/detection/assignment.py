"""Which prediction of a set each target gets (Hungarian algorithm), at which cost, and what the others should say."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.vision.detection._hungarian import assign
from jaxloss.vision.detection._sets import box_distance, set_inputs
from jaxloss.vision.detection.pairwise import generalized_box_iou

__all__ = ["detr_costs", "hungarian_matching", "query_labels"]


def hungarian_matching(costs: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Hungarian matching: the prediction assigned to each target at the smallest total cost.

    .. math:: \hat\sigma = \arg\min_{\sigma \text{ injective}} \sum_{m} C_{\sigma(m), m}

    The Hungarian algorithm, exact, in time :math:`O(M^2 N)` under ``jax.jit`` and on accelerators. The match is not
    differentiated. Masked targets change nothing and are assigned the predictions left over.

    Args:
        costs: Cost of prediction n for target m, shape ``[..., N, M]``, floating, with N >= M. A NaN counts as more
            than any number.
        where: Which targets exist, shape ``[..., M]``, boolean. None: all.

    Returns:
        int32 indices of predictions, shape ``[..., M]``, all different within a set.

    Raises:
        TypeError: If ``costs`` is not floating or ``where`` is not boolean.
        ValueError: If there are more targets than predictions.

    Example:
        >>> jaxloss.hungarian_matching(jnp.array([[1.0, 9.0], [0.0, 2.0], [5.0, 6.0]]))
        Array([0, 1], dtype=int32)

    Reference:
        Kuhn (1955), The Hungarian Method for the Assignment Problem. https://doi.org/10.1002/nav.3800020109
    """
    (costs,) = checks.floating(costs=costs)
    checks.with_axes("predictions targets", allow_empty=True, costs=costs)
    num_predictions, num_targets = costs.shape[-2:]
    if num_targets > num_predictions:
        raise ValueError(
            f"costs must have at least as many predictions as targets, [..., N, M] with N >= M; found {costs.shape}."
        )
    (costs,) = promote(jax.lax.stop_gradient(costs))
    limit = float(jnp.finfo(costs.dtype).max) ** 0.5
    costs = jnp.clip(jnp.nan_to_num(costs, nan=limit, posinf=limit, neginf=-limit), -limit, limit)
    if where is not None:
        kept = checks.mask(where, (*costs.shape[:-2], num_targets))
        costs = jnp.where(kept[..., None, :], costs, jnp.zeros((), costs.dtype))
    if costs.size == 0:
        return jnp.zeros((*costs.shape[:-2], num_targets), jnp.int32)
    tables = jnp.swapaxes(costs, -1, -2).reshape(-1, num_targets, num_predictions)
    return assign(tables).reshape(*costs.shape[:-2], num_targets)


def detr_costs(
    logits: ArrayLike,
    boxes: ArrayLike,
    labels: ArrayLike,
    target_boxes: ArrayLike,
    *,
    class_cost: Scalar = 1.0,
    l1_cost: Scalar = 5.0,
    giou_cost: Scalar = 2.0,
) -> Array:
    r"""Cost matrix of DETR: what each prediction would cost as the match of each target.

    .. math:: C_{nm} = -a_1 \, p_n(y_m) + a_2 \, |b_n - b'_m|_1 - a_3 \, \mathrm{GIoU}(b_n, b'_m)

    with the softmax :math:`p` and the L1 distance of centre, width and height: the costs by which
    `jaxloss.detr_set_loss` matches, for `jaxloss.hungarian_matching`.

    Args:
        logits: Shape ``[..., N, C]``, floating, unnormalised, with the class "no object".
        boxes: Predicted boxes ``(x0, y0, x1, y1)``, shape ``[..., N, 4]``, floating.
        labels: Classes of the targets, shape ``[..., M]``, integer; those out of range are clipped.
        target_boxes: Boxes of the targets, shape ``[..., M, 4]``.
        class_cost, l1_cost, giou_cost: Weights :math:`a_1, a_2, a_3`; >= 0.

    Returns:
        Costs of either sign, shape ``[..., N, M]``, float32 or float64.

    Raises:
        TypeError: If ``logits`` or ``boxes`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match or a weight is negative.

    Example:
        >>> logits, boxes = jnp.array([[0.0, 0.0], [0.0, 0.0]]), jnp.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0]])
        >>> jaxloss.detr_costs(logits, boxes, jnp.array([0]), boxes[:1])
        Array([[-2.5 ],
               [ 2.25]], dtype=float32)

    Reference:
        Carion et al. (2020), End-to-End Object Detection with Transformers. https://arxiv.org/abs/2005.12872
    """
    (labels,) = checks.integer(labels=labels)
    present = jnp.ones(labels.shape, bool)
    logits, boxes, labels, target_boxes, _ = set_inputs(logits, boxes, labels, target_boxes, present, None)
    class_cost, l1_cost, giou_cost = (
        checks.scalar(name, value, logits.dtype, at_least=0)
        for name, value in (("class_cost", class_cost), ("l1_cost", l1_cost), ("giou_cost", giou_cost))
    )
    places = jnp.clip(labels, 0, logits.shape[-1] - 1)[..., None, :]
    places = jnp.broadcast_to(places, (*boxes.shape[:-1], labels.shape[-1]))
    return (
        l1_cost * box_distance(boxes[..., :, None, :], target_boxes[..., None, :, :])
        - class_cost * jnp.take_along_axis(jax.nn.softmax(logits, axis=-1), places, axis=-1)
        - giou_cost * generalized_box_iou(boxes, target_boxes)
    )


def query_labels(match: ArrayLike, labels: ArrayLike, present: ArrayLike, *, num_queries: int, no_object: int) -> Array:
    r"""The class that each prediction of a set should have: that of its matched target, or "no object".

    .. math:: t_n = \begin{cases} y_m & n = \sigma(m), \; m \text{ present} \\
              \varnothing & \text{otherwise} \end{cases}

    Args:
        match: Prediction :math:`\sigma(m)` of each target, shape ``[..., M]``, integer, from
            `jaxloss.hungarian_matching`.
        labels: Classes of the targets, shape ``[..., M]``, integer.
        present: Which of the M places hold a target, shape ``[..., M]``, boolean.
        num_queries: Number N of predictions, static.
        no_object: Class of a prediction without a target.

    Returns:
        int32 classes, shape ``[..., N]``.

    Raises:
        TypeError: If ``match`` or ``labels`` is not integer or ``present`` is not boolean.
        ValueError: If the shapes differ or ``num_queries`` is not a whole number.

    Example:
        >>> match, present = jnp.array([3, 0, 1]), jnp.array([True, True, False])
        >>> jaxloss.query_labels(match, jnp.array([5, 7, 0]), present, num_queries=4, no_object=9)
        Array([7, 9, 9, 5], dtype=int32)

    Reference:
        Carion et al. (2020), End-to-End Object Detection with Transformers. https://arxiv.org/abs/2005.12872
    """
    match, labels = checks.integer(match=match, labels=labels)
    (present,) = checks.boolean("True where there is a target", present=present)
    checks.same_shape(match=match, labels=labels, present=present)
    checks.with_axes("targets", allow_empty=True, match=match)
    shape = (*match.shape[:-1], checks.whole("num_queries", num_queries), match.shape[-1])
    queries = jax.lax.broadcasted_iota(jnp.int32, shape, match.ndim - 1)
    chosen = (queries == checks.as_int32(match)[..., None, :]) & present[..., None, :]
    own = jnp.sum(jnp.where(chosen, checks.as_int32(labels)[..., None, :], 0), axis=-1, dtype=jnp.int32)
    return jnp.where(jnp.any(chosen, axis=-1), own, jnp.asarray(no_object, jnp.int32))
