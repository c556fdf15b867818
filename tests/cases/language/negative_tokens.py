"""Cases of `jaxloss.language.negative_tokens`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CLASSES


def draw_candidates(rng: np.random.Generator, batch: Shape, classes: int = CLASSES) -> Inputs:
    return {
        "logits": 2 * rng.normal(size=(*batch, classes)),
        "candidates": (rng.uniform(size=(*batch, classes)) < 0.5).astype(float),
    }


def _unlikelihood(logits, candidates):
    """The probability of not being a class is that of being another one."""
    total = np.zeros(logits.shape[:-1])
    for k in range(logits.shape[-1]):
        others = scipy.special.logsumexp(np.delete(logits, k, axis=-1), axis=-1)
        total += candidates[..., k] * np.subtract(scipy.special.logsumexp(logits, axis=-1), others)
    return total


CASES = [
    Case(
        fn=jaxloss.unlikelihood_loss,
        draw=draw_candidates,
        structures={"two classes": lambda rng, batch: draw_candidates(rng, batch, 2)},
        oracle=_unlikelihood,
        source="scipy.special.logsumexp over the other classes",
        fixed={"candidates": "they are data"},
        constant={"candidates": "they are data"},
        illegal={"candidates": (-0.5,)},
        boolean=True,
        perfect=lambda rng, batch: {
            "logits": rng.normal(size=(*batch, CLASSES)),
            "candidates": np.zeros((*batch, CLASSES)),
        },
        extremes={
            "certain, absent, equal": {
                "logits": np.array([[1e4, 0.0, -1e4], [-np.inf, 0.0, 1.0], [0.0, 0.0, 0.0]]),
                "candidates": np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]),
            },
            "no candidate": {"logits": np.array([[1e4, 0.0]]), "candidates": np.zeros((1, 2))},
        },
        translates=(("logits",),),
        towards=lambda inputs: -inputs["candidates"],
    ),
]
