"""Cases of the box losses of `jaxloss.vision`."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special

import jaxloss
from tests.cases import Case

HELPERS = {
    "box_iou": "a table of overlaps of two sets of boxes, not a loss",
    "cxcywh_to_xyxy": "writes boxes in another form",
    "hungarian_matching": "chooses which prediction a target gets; no loss",
    "generalized_box_iou": "a table of overlaps of two sets of boxes, not a loss",
    "xywh_to_xyxy": "writes boxes in another form",
    "xyxy_to_cxcywh": "writes boxes in another form",
    "xyxy_to_xywh": "writes boxes in another form",
    "xyxy_to_yxyx": "writes boxes in another form",
    "yxyx_to_xyxy": "writes boxes in another form",
}


def boxes(rng, batch, spread=1.0):
    """Proper boxes of sides from 1/2 to 2."""
    corner = spread * rng.uniform(-1, 1, size=(*batch, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 2, size=(*batch, 2))], axis=-1)


def _pair(rng, batch):
    return {"predictions": boxes(rng, batch, 1.3), "targets": boxes(rng, batch, 1.3)}


def _same(rng, batch):
    same = boxes(rng, batch)
    flat = rng.integers(0, 4, size=batch)
    same[..., 2] = np.where(flat == 1, same[..., 0], same[..., 2])
    same[..., 3] = np.where(flat == 1, same[..., 1], same[..., 3])
    same[..., 2] = np.where(flat == 2, same[..., 0], same[..., 2])
    return {"predictions": same, "targets": same.copy()}


def _area(low, high):
    return np.prod(np.maximum(high - low, 0), axis=-1)


def _measures(predictions, targets):
    """IoU, the areas of union and hull, and the corners, of proper boxes."""
    (a, b), (c, d) = np.split(predictions, 2, axis=-1), np.split(targets, 2, axis=-1)
    both = _area(np.maximum(a, c), np.minimum(b, d))
    union = _area(a, b) + _area(c, d) - both
    return both / union, union, (np.minimum(a, c), np.maximum(b, d)), (a, b, c, d)


def iou(predictions, targets):
    return 1 - _measures(predictions, targets)[0]


def giou(predictions, targets):
    ratio, union, hull, _ = _measures(predictions, targets)
    return 1 - ratio + (_area(*hull) - union) / _area(*hull)


def diou(predictions, targets):
    ratio, _, (low, high), (a, b, c, d) = _measures(predictions, targets)
    return 1 - ratio + np.sum(((a + b) / 2 - (c + d) / 2) ** 2, -1) / np.sum((high - low) ** 2, -1)


def ciou(predictions, targets):
    ratio, _, _, (a, b, c, d) = _measures(predictions, targets)
    angle = lambda low, high: np.arctan((high - low)[..., 0] / (high - low)[..., 1])
    v = 4 / np.pi**2 * (angle(c, d) - angle(a, b)) ** 2
    return diou(predictions, targets) + v * v / (1 - ratio + v)


def _edge(prediction, target):
    return {"predictions": np.array([prediction], float), "targets": np.array([target], float)}


EDGES = {
    "far apart": _edge([0, 0, 1, 1], [1e6, 1e6, 1e6 + 1, 1e6 + 1]),
    "touching": _edge([0, 0, 1, 1], [1, 0, 2, 1]),
    "inside": _edge([1, 1, 2, 2], [0, 0, 3, 3]),
    "no height": _edge([0, 1, 2, 1], [0, 0, 2, 2]),
    "a point": _edge([1, 1, 1, 1], [0, 0, 2, 2]),
    "no target": _edge([0, 0, 2, 2], [1, 1, 1, 1]),
    "two points": _edge([0, 0, 0, 0], [1, 1, 1, 1]),
    "one point": _edge([1, 1, 1, 1], [1, 1, 1, 1]),
    "two lines": _edge([1, 0, 1, 2], [1, 1, 1, 3]),
    "inverted": _edge([2, 0, 1, 1], [0, 0, 3, 1]),
    "inverted twice": _edge([2, 2, 1, 1], [0, 0, 3, 3]),
    "inverted target": _edge([0, 0, 3, 3], [2, 2, 1, 1]),
    "both inverted": _edge([2, 2, 1, 1], [2, 2, 1, 1]),
    "large": _edge([-1e30, 0, 1e30, 1e30], [0, 0, 1e30, 1e30]),
    "small": _edge([0, 0, 2e-30, 1e-30], [0, 0, 1e-30, 1e-30]),
    "thin": _edge([0, 0, 1e-25, 1e10], [0, 0, 1e10, 1e-25]),
}

N, M, K = 4, 3, 2


def _scene(rng, batch):
    """Four predictions and up to three targets, one at least; classes 0 and 1, and 2 for no object."""
    return {
        "logits": rng.normal(size=(*batch, N, K + 1)),
        "boxes": boxes(rng, (*batch, N)),
        "labels": rng.integers(0, K, size=(*batch, M)).astype(np.int32),
        "target_boxes": boxes(rng, (*batch, M)),
        "present": np.broadcast_to(np.arange(M) < 1, (*batch, M)) | (rng.uniform(size=(*batch, M)) < 0.5),
    }


def _found(rng, batch):
    scene = _scene(rng, batch)
    places = rng.permuted(np.broadcast_to(np.arange(N), (*batch, N)), axis=-1)[..., :M]
    wanted = np.full((*batch, N), K)
    np.put_along_axis(wanted, places, np.where(scene["present"], scene["labels"], K), axis=-1)
    np.put_along_axis(scene["boxes"], places[..., None], scene["target_boxes"], axis=-2)
    return {**scene, "logits": 1e4 * np.eye(K + 1)[wanted]}


def _centred(box):
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]])


def _detr(logits, boxes, labels, target_boxes, present, class_cost=1, l1_cost=5, giou_cost=2, class_weight=1,
          l1_weight=5, giou_weight=2, no_object_weight=0.1):  # fmt: skip
    def one(index):
        log_probs = scipy.special.log_softmax(logits[index], axis=-1)
        wanted, rate = np.full(N, K), np.full(N, no_object_weight)
        targets = np.flatnonzero(present[index])
        l1 = lambda n, m: np.abs(_centred(boxes[index][n]) - _centred(target_boxes[index][m])).sum()
        overlap = lambda n, m: giou(boxes[index][n], target_boxes[index][m])
        costs = [
            [
                l1_cost * l1(n, m)
                - class_cost * np.exp(log_probs[n, labels[index][m]])
                + giou_cost * (overlap(n, m) - 1)
                for m in targets
            ]
            for n in range(N)
        ]
        pairs = [(n, targets[j]) for n, j in zip(*scipy.optimize.linear_sum_assignment(costs), strict=True)]
        for n, m in pairs:
            wanted[n], rate[n] = labels[index][m], 1
        named = np.average(-log_probs[np.arange(N), wanted], weights=rate)
        near = sum(l1_weight * l1(*pair) + giou_weight * overlap(*pair) for pair in pairs) / len(pairs)
        return class_weight * named + near

    return np.reshape([one(index) for index in np.ndindex(present.shape[:-1])], present.shape[:-1])


def _no_target(**changes):
    scene = _scene(np.random.default_rng(0), (2,))
    return {**scene, "present": np.zeros((2, M), bool), **changes}


CASES = [
    Case(
        fn=jaxloss.iou_loss,
        draw=_pair,
        oracle=iou,
        source="formula of torchvision.ops.box_iou",
        perfect=_same,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.giou_loss,
        draw=_pair,
        oracle=giou,
        source="formula of torchvision.ops.generalized_box_iou_loss",
        perfect=_same,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.diou_loss,
        draw=_pair,
        oracle=diou,
        source="formula of torchvision.ops.distance_box_iou_loss",
        perfect=_same,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.ciou_loss,
        draw=_pair,
        oracle=ciou,
        source="formula of torchvision.ops.complete_box_iou_loss",
        perfect=_same,
        extremes=EDGES,
        exempt={"derivatives": "its factor alpha is a constant of differentiation by definition; see test_boxes"},
    ),
    Case(
        fn=jaxloss.detr_set_loss,
        draw=_scene,
        oracle=_detr,
        source="scipy.optimize.linear_sum_assignment and the formula of the paper",
        hypers={
            "class_cost": 2.0,
            "l1_cost": 1.5,
            "giou_cost": 1.0,
            "class_weight": 0.7,
            "l1_weight": 3.0,
            "giou_weight": 1.3,
            "no_object_weight": 0.3,
        },
        bad_hypers=tuple({name: -0.1} for name in ("class_cost", "l1_cost", "giou_cost", "no_object_weight")),
        perfect=_found,
        extremes={
            "no target": _no_target(),
            "saturated": _no_target(present=np.ones((2, M), bool), logits=1e4 * np.ones((2, N, 1)) * np.arange(K + 1)),
            "points": _no_target(present=np.ones((2, M), bool), boxes=np.zeros((2, N, 4))),
            "large": _no_target(present=np.ones((2, M), bool), boxes=np.full((2, N, 4), 1e30)),
        },
        labels="labels",
        classes=lambda inputs: inputs["logits"].shape[-1] - 1,
    ),
]
