"""The Case of the LeCam penalty."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases._adapters import leading_first
from tests.cases.generative._shared import scores

HELPERS = {"init_lecam_penalty": "the state of lecam_penalty before its first step"}

STATE = jaxloss.LecamState(np.asarray(0.75), np.asarray(-0.5))


def _lecam(real_logits, fake_logits, rate=0.01):
    """Example by example, as in the authors' code, with the averages of all examples."""
    real_mean = (1 - rate) * 0.75 + rate * np.mean(real_logits)
    fake_mean = (1 - rate) * -0.5 + rate * np.mean(fake_logits)
    each = lambda r, f: max(r - fake_mean, 0) ** 2 + max(real_mean - f, 0) ** 2
    return np.vectorize(each)(real_logits, fake_logits)


def _far_apart(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Real scores below every generated one: the penalty asks for no more."""
    return {"real_logits": -8 - rng.gamma(1.0, size=batch), "fake_logits": 8 + rng.gamma(1.0, size=batch)}


CASES = [
    Case(
        fn=leading_first(jaxloss.lecam_penalty, "state"),
        draw=scores(),
        oracle=_lecam,
        source="the authors' code, google/lecam-gan, in NumPy",
        leading=(STATE,),
        carries=True,
        meets=True,
        hypers={"rate": 0.0},
        fixed={"rate": "the averages that it moves are constants of differentiation"},
        ends=({"rate": 0.0}, {"rate": 1.0}),
        bad_hypers=({"rate": -0.5}, {"rate": 1.5}),
        perfect=_far_apart,
        cancels="a score is near the average where the penalty is small",
        extremes={
            "far": {"real_logits": np.array([1e15, -1e15]), "fake_logits": np.array([-1e15, 1e15])},
            "at the averages": {"real_logits": np.array([-0.5, -0.5]), "fake_logits": np.array([0.75, 0.75])},
        },
    ),
]
