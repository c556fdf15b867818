"""Cases of `jaxloss.language.projected.vocabulary_head`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CLASSES

BIAS = np.array([0.5, -0.25, 0.0, 1.0, -1.0, 0.125, 0.75])

CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25, 1.5, 3.0, 0.75])


def _head(rng: np.random.Generator, batch: Shape, features: int = 3) -> Inputs:
    return {
        "hidden": rng.normal(size=(*batch, features)),
        "kernel": rng.normal(size=(features, CLASSES)),
        "labels": rng.integers(0, CLASSES, size=batch).astype(np.int32),
    }


def _head_oracle(
    hidden,
    kernel,
    labels,
    bias=None,
    label_smoothing=0.0,
    class_weights=None,
    z_loss=0.0,
    soft_cap=None,
    chunk_size=None,
    implementation="xla",
):
    logits = np.einsum("...d,dk->...k", hidden, kernel) + (0.0 if bias is None else bias)
    if soft_cap is not None:
        logits = soft_cap * np.tanh(logits / soft_cap)
    asked = (1 - label_smoothing) * np.eye(CLASSES)[labels] + label_smoothing / CLASSES
    c = np.ones(CLASSES) if class_weights is None else class_weights
    each = -np.sum(c * asked * scipy.special.log_softmax(logits, -1), -1)
    return each + c[labels] * z_loss * scipy.special.logsumexp(logits, -1) ** 2


HYPERS = {
    "bias": BIAS,
    "label_smoothing": 0.15,
    "class_weights": CLASS_WEIGHTS,
    "z_loss": 0.03,
    "soft_cap": 2.5,
    "chunk_size": 3,
    "implementation": "pallas",  # of few tokens: by chunks
}

CASES = [
    Case(
        fn=jaxloss.linear_softmax_cross_entropy,
        draw=_head,
        structures={
            "one feature": lambda rng, batch: _head(rng, batch, 1),
            "as many features as classes": lambda rng, batch: _head(rng, batch, CLASSES),
        },
        oracle=_head_oracle,
        source="scipy.special.log_softmax and logsumexp of all scores",
        shared=("kernel",),
        hypers=HYPERS,
        ends=tuple(
            {**HYPERS, **end}
            for end in ({"label_smoothing": 0.0}, {"label_smoothing": 1.0}, {"z_loss": 0.0}, {"chunk_size": 1})
        ),
        static=("chunk_size",),
        bad_hypers=(
            {"bias": np.ones(3)},
            {"label_smoothing": -0.1},
            {"class_weights": np.ones(3)},
            {"z_loss": -1.0},
            {"soft_cap": 0.0},
            {"chunk_size": 0},
        ),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        extremes={
            "saturated": {
                "hidden": np.array([[1e4, 0.0, 0.0], [0.0, -1e4, 1e4], [0.0, 0.0, 0.0]]),
                "kernel": np.array([[1.0] * 3 + [-1.0] * 4, [1.0] + [0.0] * 6, [0.0] * 6 + [1.0]]),
                "labels": np.array([3, 6, 0], np.int32),
            }
        },
    ),
]
