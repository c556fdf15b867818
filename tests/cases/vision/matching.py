"""Cases of `jaxloss.vision.detection.matching`."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._boxes import boxes, giou

N, M, K = 3, 2, 2


def scenes(n, m, k):
    """``n`` predictions and up to ``m`` targets, one at least; ``k`` classes, and one more for no object."""
    return lambda rng, batch: {
        "logits": rng.normal(size=(*batch, n, k + 1)),
        "boxes": boxes(rng, (*batch, n)),
        "labels": rng.integers(0, k, size=(*batch, m)).astype(np.int32),
        "target_boxes": boxes(rng, (*batch, m)),
        "present": np.broadcast_to(np.arange(m) < 1, (*batch, m)) | (rng.uniform(size=(*batch, m)) < 0.5),
    }


_scene = scenes(N, M, K)


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
          l1_weight=5, giou_weight=2, no_object_weight=0.1, no_object=-1):  # fmt: skip
    def one(index):
        log_probs = scipy.special.log_softmax(logits[index], axis=-1)
        count = len(log_probs)
        wanted, rate = np.full(count, no_object % log_probs.shape[-1]), np.full(count, float(no_object_weight))
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
            for n in range(count)
        ]
        pairs = [(n, targets[j]) for n, j in zip(*scipy.optimize.linear_sum_assignment(costs), strict=True)]
        for n, m in pairs:
            wanted[n], rate[n] = labels[index][m], 1
        named = np.average(-log_probs[np.arange(count), wanted], weights=rate)
        near = sum(l1_weight * l1(*pair) + giou_weight * overlap(*pair) for pair in pairs) / len(pairs)
        return class_weight * named + near

    return np.reshape([one(index) for index in np.ndindex(present.shape[:-1])], present.shape[:-1])


def _no_target(**changes):
    scene = _scene(np.random.default_rng(0), (2,))
    return {**scene, "present": np.zeros((2, M), bool), **changes}


HYPERS = {
    "class_cost": 2.0,
    "l1_cost": 1.5,
    "giou_cost": 1.0,
    "class_weight": 0.7,
    "l1_weight": 3.0,
    "giou_weight": 1.3,
    "no_object_weight": 0.3,
    "no_object": K,
}

CASES = [
    Case(
        fn=jaxloss.detr_set_loss,
        mistakes={"corners": draws.centred("target_boxes")},
        draw=_scene,
        oracle=_detr,
        source="scipy.optimize.linear_sum_assignment and the formula of the paper",
        hypers=HYPERS,
        ends=tuple({**HYPERS, name: 0.0} for name in HYPERS if name != "no_object"),
        static=("no_object",),
        structures={
            "as many targets as predictions": scenes(3, 3, K),
            "one prediction": scenes(1, 1, K),
            "one target": scenes(N, 1, K),
        },
        bad_hypers=(
            *({name: -0.1} for name in ("class_cost", "l1_cost", "giou_cost", "no_object_weight")),
            {"no_object": K + 1},
            {"no_object": -K - 2},
        ),
        perfect=_found,
        extremes={
            "no target": _no_target(),
            "saturated": _no_target(present=np.ones((2, M), bool), logits=1e4 * np.ones((2, N, 1)) * np.arange(K + 1)),
            "absent class": _no_target(
                present=np.ones((2, M), bool),
                labels=np.zeros((2, M), np.int32),
                logits=np.where(np.arange(K + 1) == 1, -np.inf, np.zeros((2, N, 1))),
            ),
            "points": _no_target(present=np.ones((2, M), bool), boxes=np.zeros((2, N, 4))),
            "large": _no_target(present=np.ones((2, M), bool), boxes=np.full((2, N, 4), 1e30)),
        },
        labels="labels",
        classes=lambda inputs: inputs["logits"].shape[-1] - 1,
        translates=(("logits",), ("boxes", "target_boxes")),
    ),
]
