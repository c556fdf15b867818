"""Cases of `jaxloss.sequence.transducer`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.sequence._shared import CLASSES, LABELS, draw_speech, unpadded


def _transduced(rng: np.random.Generator, batch: Shape, frames: int = 3, labels: int = LABELS) -> Inputs:
    speech = draw_speech(rng, batch, frames, labels, 1)
    return {**speech, "logits": rng.normal(size=(*batch, frames, labels + 1, CLASSES + 1))}


def _rnnt(logits, labels, logit_lengths, label_lengths, blank_id=0):
    """Over all ways to put the labels among the blanks; the last step is a blank."""
    result = np.empty(logit_lengths.shape)
    log_probs = scipy.special.log_softmax(logits, axis=-1)
    for i in np.ndindex(result.shape):
        frames, spoken = int(logit_lengths[i]), int(label_lengths[i])
        paths = []
        for places in itertools.combinations(range(frames + spoken - 1), spoken):
            t = u = 0
            score = 0.0
            for place in range(frames + spoken):
                speaks = place in places
                score += log_probs[i][t, u, labels[i][u] if speaks else blank_id]
                t, u = t + (not speaks), u + speaks
            paths.append(score)
        result[i] = -scipy.special.logsumexp(paths)
    return result


def _spoken_first(inputs: Inputs) -> np.ndarray:
    """All labels at the first frame, then blanks, which are class 3 off the default."""
    step = np.zeros_like(inputs["logits"])
    for *i, t, u in np.ndindex(step.shape[:-1]):
        at = tuple(i)
        speaks = u < inputs["label_lengths"][at]
        step[(*at, t, u, inputs["labels"][at][u] if speaks else 3)] = 1.0
    return step


CASES = [
    Case(
        fn=jaxloss.rnnt_loss,
        draw=_transduced,
        structures={
            "one frame and one label": lambda rng, batch: _transduced(rng, batch, 1, 1),
            "no labels": lambda rng, batch: _transduced(rng, batch, 2, 0),
            "more labels than frames": lambda rng, batch: _transduced(rng, batch, 1, 3),
        },
        illegal={"logit_lengths": (0, 4), "label_lengths": (-1, LABELS + 1)},
        oracle=_rnnt,
        source="enumeration of all alignments",
        hypers={"blank_id": 3},
        static=("blank_id",),
        bad_hypers=({"blank_id": -1}, {"blank_id": CLASSES + 1}),
        labels="labels",
        extremes={
            "absent classes": unpadded(np.broadcast_to(np.array([0.0, 0.0, -np.inf, 0.0]), (1, 3, 2, 4)).copy(), [1]),
            "saturated": unpadded(np.broadcast_to(np.array([-3e37, 0.0, 3e37, 1e4]), (1, 2, 2, 4)).copy(), [1]),
            "no labels": unpadded(np.zeros((1, 2, 1, 4)), []),
        },
        translates=(("logits",),),
        towards=_spoken_first,
    ),
]
