"""Cases of `jaxloss.sequence.temporal_classification`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.sequence._shared import CLASSES, FRAMES, LABELS, draw_speech, unpadded


def _collapse(path: tuple[int, ...], blank: int) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != blank]


def _ctc(logits, labels, logit_lengths, label_lengths, blank_id=0):
    """Over all paths through the classes, those that collapse to the labels."""
    result = np.empty(logit_lengths.shape)
    log_probs = scipy.special.log_softmax(logits, axis=-1)
    for i in np.ndindex(result.shape):
        length = logit_lengths[i]
        wanted = labels[i][: label_lengths[i]].tolist()
        paths = [
            sum(log_probs[i][t, symbol] for t, symbol in enumerate(path))
            for path in itertools.product(range(logits.shape[-1]), repeat=length)
            if _collapse(path, blank_id) == wanted
        ]
        result[i] = -scipy.special.logsumexp(paths)
    return result


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    """One path has all the probability, and no blank, so that it does not matter which class is the blank."""
    logits = np.full((*batch, FRAMES, CLASSES + 1), -1e4)
    logits[..., np.arange(FRAMES), [1, 1, 2, 2]] = 0.0
    return unpadded(logits, [1, 2], batch)


def _spoken(inputs: Inputs) -> np.ndarray:
    """One alignment: the labels, with a blank between equal ones, then blanks, which are class 3 off the default."""
    step = np.zeros_like(inputs["logits"])
    for i in np.ndindex(inputs["logit_lengths"].shape):
        labels = list(inputs["labels"][i][: inputs["label_lengths"][i]])
        path = labels[:1] + [
            k for last, label in itertools.pairwise(labels) for k in ((3, label) if last == label else (label,))
        ]
        for t in range(step.shape[-2]):
            step[(*i, t, path[t] if t < len(path) else 3)] = 1.0
    return step


HELPERS = {
    "ctc_feasible": "says which pairs have an alignment at all, as a mask",
}

CASES = [
    Case(
        fn=jaxloss.ctc_loss,
        draw=draw_speech,
        structures={
            "one frame and one label": lambda rng, batch: draw_speech(rng, batch, 1, 1, 1),
            "no labels": lambda rng, batch: draw_speech(rng, batch, 2, 0, 1),
            "as many frames as classes": lambda rng, batch: draw_speech(rng, batch, CLASSES + 1, 1, 1),
        },
        illegal={"logit_lengths": (-1, FRAMES + 1), "label_lengths": (-1, LABELS + 1)},
        oracle=_ctc,
        source="enumeration of all paths",
        hypers={"blank_id": 3},
        static=("blank_id",),
        bad_hypers=({"blank_id": -1}, {"blank_id": CLASSES + 1}),
        labels="labels",
        perfect=_certain,
        extremes={
            "absent classes": unpadded(
                np.array([[[0.0, 0.0, 0.0, -np.inf], [-np.inf, 0.0, 0.0, -np.inf]] * 2]), [1, 2]
            ),
            "saturated": unpadded(np.array([[[1e4, -1e4, 1e4, 1e4], [-3e38, 3e38, 3e37, 0.0]] * 2]), [1, 2]),
            "far": unpadded(np.array([[[0.0, -1e30, -1e30, 0.0]] * 4]), [1, 1]),
            "no labels": unpadded(np.zeros((1, 2, 4)), []),
        },
        translates=(("logits",),),
        towards=_spoken,
    ),
]
