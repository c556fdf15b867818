"""Cases of `jaxloss.representation.self_supervised.self_distillation`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases._adapters import leading_first

HELPERS = {"init_dino_loss": "the state of dino_loss before its first step"}

CENTER = np.array([0.25, -0.5, 1.0, -0.125])
"""Exact in every precision."""


def _views(students, teachers):
    return lambda rng, batch: {
        "logits": rng.normal(size=(*batch, students, 4)),
        "teacher_logits": rng.normal(size=(*batch, teachers, 4)),
    }


def _certain(rng, batch):
    """Every view of an image is in the same class, without a doubt."""
    logits = 1000.0 * np.eye(4)[rng.integers(4, size=batch)][..., None, :]
    return {"logits": np.repeat(logits, 3, axis=-2), "teacher_logits": np.repeat(logits, 2, axis=-2)}


def _pairs_of_views(logits, teacher_logits, temperature=0.1, teacher_temperature=0.04, momentum=0.9):
    """The loop of the paper's algorithm 1 over pairs of views; the loss uses the centre before the step."""
    asked = scipy.special.softmax((teacher_logits - CENTER) / teacher_temperature, -1)
    given = scipy.special.log_softmax(logits / temperature, -1)
    pairs = [(s, t) for s in range(logits.shape[-2]) for t in range(asked.shape[-2]) if s != t]
    return -np.mean([np.sum(asked[..., t, :] * given[..., s, :], -1) for s, t in pairs], axis=0)


HYPERS = {"temperature": 0.5, "teacher_temperature": 0.25, "momentum": 0.75}

CASES = [
    Case(
        fn=leading_first(jaxloss.dino_loss, "state"),
        translates=(("logits",), ("teacher_logits",)),
        draw=_views(3, 2),
        oracle=_pairs_of_views,
        source="Caron et al. (2021), algorithm 1, with scipy.special.log_softmax",
        leading=(jaxloss.DinoState(CENTER),),
        carries=True,
        hypers=HYPERS,
        ends=({**HYPERS, "momentum": 0.0}, {**HYPERS, "momentum": 1.0}),
        bad_hypers=(
            {"temperature": 0.0},
            {"teacher_temperature": 0.0},
            {"teacher_temperature": -0.1},
            {"momentum": -0.5},
            {"momentum": 1.5},
        ),
        constant={"teacher_logits": "the teacher is not trained by gradients"},
        perfect=_certain,
        convex=True,
        structures={
            "one teacher's view": _views(2, 1),
            "one student's view": _views(1, 3),
            "as many teacher's as student's": _views(2, 2),
        },
        extremes={
            "equal": {"logits": np.zeros((1, 3, 4)), "teacher_logits": np.zeros((1, 2, 4))},
            "opposed": {
                "logits": 1e30 * _certain(np.random.default_rng(0), (2,))["logits"],
                "teacher_logits": -1e30 * _certain(np.random.default_rng(0), (2,))["teacher_logits"],
            },
        },
        exempt={"infinite_logits_are_tried": "prototypes are dimensions of a head, and none of them is ever absent"},
    ),
]
