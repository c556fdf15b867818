"""Cases of `jaxloss.language.fine_tuning`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CLASSES


def draw_tokens(rng: np.random.Generator, batch: Shape, classes: int = CLASSES) -> Inputs:
    return {
        "logits": 2 * rng.normal(size=(*batch, classes)),
        "labels": rng.integers(0, classes, size=batch).astype(np.int32),
    }


def _at(x, labels):
    return np.take_along_axis(x, labels[..., None], axis=-1)[..., 0]


def _dynamic(logits, labels):
    p = _at(scipy.special.softmax(logits, axis=-1), labels)
    return -p * np.log(p)


def _slopes(logits, labels):
    p = scipy.special.softmax(logits, axis=-1)
    return {"logits": _at(p, labels)[..., None] * (p - np.eye(logits.shape[-1])[labels])}


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = rng.integers(0, CLASSES, size=batch).astype(np.int32)
    return {"logits": 1024.0 * np.eye(CLASSES)[labels], "labels": labels}


CASES = [
    Case(
        fn=jaxloss.dynamic_fine_tuning_loss,
        draw=draw_tokens,
        structures={f"{n} classes": lambda rng, batch, n=n: draw_tokens(rng, batch, n) for n in (1, 2)},
        oracle=_dynamic,
        source="Wu et al. (2025), equation 9, over scipy.special.softmax",
        slopes=_slopes,
        labels="labels",
        perfect=_certain,
        exempt={"derivatives": "the probability in front of the cross-entropy passes no gradient"},
        extremes={
            "certain, impossible, absent": {
                "logits": np.array([[1e4, -1e4], [-1e4, 1e4], [-np.inf, 0.0], [0.0, -np.inf]]),
                "labels": np.array([0, 0, 0, 0], np.int32),
            }
        },
        translates=(("logits",),),
    ),
]
