"""The logits of a student and its teacher, and such at the edges of the domain."""

from __future__ import annotations

import numpy as np

from tests import draws
from tests.cases import Inputs, Shape

K = 5
NAMES = ("logits", "teacher_logits")


def students(classes: int = K, scale: float = 1.0) -> draws.Draw:
    return lambda rng, batch: draws.pair(*NAMES, scale)(rng, (*batch, classes))


def agreeing(rng: np.random.Generator, batch: Shape) -> Inputs:
    """A student that is equal to its teacher."""
    return draws.equal_pair(*NAMES)(rng, (*batch, K))


LOGITS: dict[str, Inputs] = {
    name: dict(zip(NAMES, map(np.array, pair), strict=True))
    for name, pair in {
        "saturated": ([[1e4, -1e4, 0.0]], [[-1e4, 1e4, 0.0]]),
        "equal": ([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]]),
        "absent from both": ([[1.0, -np.inf, 3.0]], [[2.0, -np.inf, 3.0]]),
        "absent from the teacher": ([[1.0, 2.0, 3.0]], [[2.0, -np.inf, 3.0]]),
        "far": ([[0.0, -200.0]], [[-200.0, 0.0]]),
    }.items()
}
"""Logits at the edges of the domain."""
